import { AgentError } from "../../errors/agent-error.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Parses `65536`, `64K`, `32M`, `1G` into bytes, in powers of 1024. @throws {AgentError} BOARD_SIZE */
export function parseByteSize(text: string): number {
  const [, digits = "", unit = ""] = /^([0-9]+)([KMG]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? 0);
  if (!Number.isSafeInteger(bytes) || bytes === 0) throw new AgentError("BOARD_SIZE", { size: text });
  return bytes;
}
