import { AgentError } from "../../../src/errors/agent-error.ts";

export interface EnvCopy {
  /** A file, a block device, or a name that only the tools can open: an MTD or UBI character device, `ubi0:name`. */
  readonly device: string;
  /** In bytes; a negative offset counts from the end of the device. */
  readonly offset: number;
}

/** The location of U-Boot's environment: one copy, or two redundant copies of the same size. */
export interface EnvLayout {
  readonly copies: readonly [EnvCopy] | readonly [EnvCopy, EnvCopy];
  readonly sizeBytes: number;
}

/**
 * Reads `fw_env.config` as U-Boot's tools do: `device offset size`, and further fields that matter only for flash. The
 * prefix makes the offset decimal, octal or hexadecimal; the size is always hexadecimal. Lines after the second are
 * ignored.
 *
 * @throws {AgentError} BOOTENV_CONFIG
 * @see U-Boot, tools/env/README; libubootenv, docs/fw_env_config.md
 */
export function parseFwEnvConfig(text: string, file: string): EnvLayout {
  const found: (EnvCopy & { readonly sizeBytes: number })[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const wrong = (reason: string) => new AgentError("BOOTENV_CONFIG", { file, line: index + 1, reason });
    const [device = "", offsetText = "", sizeText = ""] = line.trim().split(/\s+/);
    const offset = parseOffset(offsetText);
    if (offset === undefined) throw wrong("the offset is not a number");
    const sizeBytes = /^(?:0x)?[0-9a-f]{1,8}$/i.test(sizeText) ? Number.parseInt(sizeText, 16) : 0;
    // At least a checksum, a flags byte and two NULs.
    if (sizeBytes < 7) throw wrong("the size is not a hexadecimal number of bytes");
    found.push({ device, offset, sizeBytes });
    if (found.length === 2) break;
  }
  const [first, second] = found;
  if (first === undefined) throw new AgentError("BOOTENV_CONFIG", { file, reason: "no line names a device" });
  const { sizeBytes } = first;
  if (second === undefined) return { copies: [first], sizeBytes };
  if (second.sizeBytes !== sizeBytes) {
    throw new AgentError("BOOTENV_CONFIG", { file, reason: "the two copies differ in size" });
  }
  if (first.device === second.device && Math.abs(first.offset - second.offset) < sizeBytes) {
    throw new AgentError("BOOTENV_CONFIG", { file, reason: "the two copies overlap" });
  }
  return { copies: [first, second], sizeBytes };
}

/** Like strtoll(3) with base 0. */
function parseOffset(text: string): number | undefined {
  const [, sign, hex, octal, decimal] =
    /^([-+]?)(?:0x([0-9a-f]{1,13})|0([0-7]{0,15})|([1-9][0-9]{0,14}))$/i.exec(text) ?? [];
  if (sign === undefined) return undefined;
  const size =
    hex !== undefined
      ? Number.parseInt(hex, 16)
      : decimal === undefined
        ? Number.parseInt(octal || "0", 8)
        : Number(decimal);
  return sign === "-" && size !== 0 ? -size : size;
}
