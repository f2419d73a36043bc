import { AgentError, type ErrorDetail } from "../../src/errors/agent-error.ts";

/**
 * Refuses what would become another variable, or another line of a tool's script.
 *
 * @param where stands in the error, besides the key
 * @throws {AgentError} BOOTENV_WRITE
 */
export function checkPairs(pairs: ReadonlyMap<string, string>, where: ErrorDetail = {}): void {
  for (const [key, value] of pairs) {
    if (!/^[^=\s\0#][^=\s\0]*$/.test(key) || /[\n\0]/.test(value)) {
      throw new AgentError("BOOTENV_WRITE", { ...where, key });
    }
  }
}

/** The first key whose stored value is not that of `pairs`; an empty value is one that is not set. */
export function firstDifference(
  pairs: ReadonlyMap<string, string>,
  stored: ReadonlyMap<string, string>,
): string | undefined {
  for (const [key, value] of pairs) if ((stored.get(key) ?? "") !== value) return key;
  return undefined;
}

/** Those of `keys` that are set, as the port `BootEnv` wants them. */
export function setOnes(all: ReadonlyMap<string, string>, keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map([...all].filter(([key, value]) => value !== "" && keys.includes(key)));
}
