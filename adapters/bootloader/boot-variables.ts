import { AgentError, type ErrorDetail } from "../../src/errors/agent-error.ts";

/**
 * Rejects pairs that would be read as another variable, or as another line of a tool's script.
 *
 * @param where added to the error, besides the key
 * @throws {AgentError} BOOTENV_WRITE
 */
export function checkPairs(pairs: ReadonlyMap<string, string>, where: ErrorDetail = {}): void {
  for (const [key, value] of pairs) {
    if (!/^[^=\s\0#][^=\s\0]*$/.test(key) || /[\n\0]/.test(value)) {
      throw new AgentError("BOOTENV_WRITE", { ...where, key });
    }
  }
}

/** The first key whose stored value differs from the one in `pairs`; an empty value equals an unset variable. */
export function firstDifference(
  pairs: ReadonlyMap<string, string>,
  stored: ReadonlyMap<string, string>,
): string | undefined {
  for (const [key, value] of pairs) if ((stored.get(key) ?? "") !== value) return key;
  return undefined;
}

/** The variables among `keys` that are set, as the port `BootEnv` requires. */
export function setOnes(all: ReadonlyMap<string, string>, keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map([...all].filter(([key, value]) => value !== "" && keys.includes(key)));
}
