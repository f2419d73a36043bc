import { AgentError } from "../../../src/errors/agent-error.ts";

const SIGNATURE = "# GRUB Environment Block\n";
const PADDING = "#";

/**
 * GRUB's environment block: the signature, comments, and `name=value` lines, padded with `#`. In a value, `\` precedes
 * a backslash or a newline. The size never changes, because GRUB writes directly to the blocks of the file.
 *
 * @see GRUB, grub-core/lib/envblk.c
 */
export interface EnvBlock {
  readonly sizeBytes: number;
  /** Comments and variables without their final newline; one character for each byte. */
  readonly lines: readonly string[];
}

/** @returns `undefined` if `bytes` is not an environment block */
export function decodeBlock(bytes: Buffer): EnvBlock | undefined {
  const text = bytes.toString("latin1");
  if (!text.startsWith(SIGNATURE)) return undefined;
  const body = text.slice(SIGNATURE.length).replace(/#*$/, "");
  if (body !== "" && !body.endsWith("\n")) return undefined;
  // An escaped newline is part of a value.
  const lines = body.match(/(?:\\[\s\S]|[^\\\n])*\n/g) ?? [];
  if (lines.join("") !== body) return undefined;
  return { sizeBytes: bytes.length, lines: lines.map((line) => line.slice(0, -1)) };
}

/** Keeps at least one byte of padding, as GRUB does. @throws {AgentError} BOOTENV_FULL */
export function encodeBlock({ sizeBytes, lines }: EnvBlock): Buffer {
  const text = SIGNATURE + lines.map((line) => `${line}\n`).join("");
  if (text.length >= sizeBytes) throw new AgentError("BOOTENV_FULL", { needsBytes: text.length + 1, sizeBytes });
  return Buffer.from(text.padEnd(sizeBytes, PADDING), "latin1");
}

/** The length without the padding. */
export const usedBytes = (bytes: Buffer): number => bytes.toString("latin1").replace(/#*$/, "").length;

export function variablesOf({ lines }: EnvBlock): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf("=");
    if (at <= 0 || line.startsWith("#")) continue;
    const value = line.slice(at + 1).replace(/\\([\s\S])/g, "$1");
    variables.set(line.slice(0, at), Buffer.from(value, "latin1").toString("utf8"));
  }
  return variables;
}

/**
 * Each variable keeps its place, as with grub-editenv; new ones are appended, and an empty value removes its variable.
 */
export function withVariables({ sizeBytes, lines }: EnvBlock, pairs: ReadonlyMap<string, string>): EnvBlock {
  const left = new Map(pairs);
  const changed = lines.flatMap((line) => {
    const name = line.slice(0, Math.max(line.indexOf("="), 0));
    const value = left.get(name);
    if (value === undefined) return [line];
    left.delete(name);
    return value === "" ? [] : [lineOf(name, value)];
  });
  for (const [name, value] of left) if (value !== "") changed.push(lineOf(name, value));
  return { sizeBytes, lines: changed };
}

function lineOf(name: string, value: string): string {
  return `${name}=${Buffer.from(value, "utf8")
    .toString("latin1")
    .replace(/[\\\n]/g, "\\$&")}`;
}
