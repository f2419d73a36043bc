import { posix } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4000;

/**
 * The path from the root of a file system, without `.`, `..` and repeated slashes.
 *
 * @throws {AgentError} IMAGE_PATH
 */
export function imagePath(path: string): string {
  const refused = (reason: string): AgentError => new AgentError("IMAGE_PATH", { path: path.slice(0, 200), reason });
  if (/[\n\r\0]/.test(path)) throw refused("a line break or a NUL character");
  if (/\ufffd/u.test(path)) throw refused("not UTF-8");
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw refused(`longer than ${MAX_PATH_BYTES} bytes`);
  const whole = posix.resolve("/", path);
  if (whole.split("/").some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES)) {
    throw refused(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return whole;
}

/** A path split into its folder and its last name, which is empty for the root folder. */
export const splitPath = (path: string): { readonly folder: string; readonly name: string } => {
  const whole = imagePath(path);
  return { folder: posix.dirname(whole), name: posix.basename(whole) };
};
