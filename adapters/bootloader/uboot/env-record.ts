import { crc32 } from "node:zlib";
import { AgentError } from "../../../src/errors/agent-error.ts";

/**
 * One copy of U-Boot's environment: a CRC-32 (little endian), a flags byte if the environment is redundant,
 * `name=value` strings that each end with a NUL, and a final NUL. The checksum covers everything after the flags.
 *
 * @see U-Boot, include/env_internal.h
 */
export interface EnvRecord {
  /** Increases with every save and wraps to 0 after 255; absent in a single-copy environment. */
  readonly flags?: number;
  /** The strings in their stored order; one character for each byte. */
  readonly entries: readonly string[];
}

const CRC_BYTES = 4;
/** The content of erased flash, and the filler of mkenvimage. */
const PADDING = 0xff;
const NUL = Buffer.alloc(1);

/** @returns `undefined` if the checksum is wrong: torn, never written, or not an environment */
export function decodeRecord(bytes: Buffer, isRedundant: boolean): EnvRecord | undefined {
  const data = bytes.subarray(isRedundant ? CRC_BYTES + 1 : CRC_BYTES);
  if (crc32(data) !== bytes.readUInt32LE(0)) return undefined;
  const flags = isRedundant ? bytes[CRC_BYTES] : undefined;
  return { ...(flags !== undefined && { flags }), entries: splitEntries(data) };
}

function splitEntries(data: Buffer): readonly string[] {
  const entries: string[] = [];
  for (let start = 0; start < data.length && data[start] !== 0; ) {
    const nul = data.indexOf(0, start);
    const end = nul < 0 ? data.length : nul;
    entries.push(data.toString("latin1", start, end));
    start = end + 1;
  }
  return entries;
}

/** @throws {AgentError} BOOTENV_FULL when the entries do not fit into `sizeBytes` */
export function encodeRecord({ flags, entries }: EnvRecord, sizeBytes: number): Buffer {
  const record = Buffer.alloc(sizeBytes, PADDING);
  const start = flags === undefined ? CRC_BYTES : CRC_BYTES + 1;
  const text = Buffer.from(entries.map((entry) => `${entry}\0`).join(""), "latin1");
  // U-Boot expects two NULs even without any entry.
  const strings = text.length === 0 ? Buffer.concat([NUL, NUL]) : Buffer.concat([text, NUL]);
  if (start + strings.length > sizeBytes) {
    throw new AgentError("BOOTENV_FULL", { needsBytes: start + strings.length, sizeBytes });
  }
  strings.copy(record, start);
  if (flags !== undefined) record[CRC_BYTES] = flags;
  record.writeUInt32LE(crc32(record.subarray(start)), 0);
  return record;
}

/**
 * Chooses the copy that U-Boot uses: the valid one; of two valid copies, the one saved later; of equal ones, the first.
 *
 * @see U-Boot, env_check_redund
 */
export function newestCopy(first: EnvRecord | undefined, second: EnvRecord | undefined): 0 | 1 | undefined {
  if (first === undefined) return second === undefined ? undefined : 1;
  if (second === undefined) return 0;
  const [one = 0, two = 0] = [first.flags, second.flags];
  if (one === 0xff && two === 0) return 1;
  if (two === 0xff && one === 0) return 0;
  return two > one ? 1 : 0;
}

/** Names and values; the last of equal names counts, as in U-Boot's hash table. */
export function variablesOf({ entries }: EnvRecord): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf("=");
    if (at > 0) variables.set(entry.slice(0, at), fromBytes(entry.slice(at + 1)));
  }
  return variables;
}

/** Each variable keeps its place, new ones are appended, an empty value removes its variable; other entries stay. */
export function withPairs(entries: readonly string[], pairs: ReadonlyMap<string, string>): readonly string[] {
  const left = new Map(pairs);
  const changed = entries.flatMap((entry) => {
    const at = entry.indexOf("=");
    const name = entry.slice(0, at);
    if (at < 0 || !pairs.has(name)) return [entry];
    const value = left.get(name);
    left.delete(name);
    return value === undefined || value === "" ? [] : [`${name}=${toBytes(value)}`];
  });
  for (const [name, value] of left) if (value !== "") changed.push(`${name}=${toBytes(value)}`);
  return changed;
}

const toBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const fromBytes = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");
