import { encodeRecord } from "../adapters/bootloader/uboot/env-record.ts";
import { AgentError } from "../src/errors/agent-error.ts";

/**
 * One copy of U-Boot's environment from a text of `name=value` lines, as `mkenvimage` takes them: empty lines and lines
 * that start with `#` do not count, and a backslash at the end of a line joins it with the next one.
 *
 * @param path for messages
 * @throws {AgentError} IMAGE_INPUT, IMAGE_SPACE
 */
export function uBootEnvironment(text: string, path: string, sizeBytes: number, isRedundant: boolean): Buffer {
  const entries = text
    .replace(/\\\n/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const odd = entries.find((line) => line.indexOf("=") <= 0);
  if (odd !== undefined) throw new AgentError("IMAGE_INPUT", { path, reason: `not name=value: ${odd}` });
  const latin = entries.map((entry) => Buffer.from(entry, "utf8").toString("latin1"));
  try {
    return encodeRecord({ ...(isRedundant && { flags: 1 }), entries: latin }, sizeBytes);
  } catch (cause) {
    throw new AgentError("IMAGE_SPACE", { place: path, has: sizeBytes }, cause);
  }
}
