import { AgentError } from "../errors/agent-error.ts";
import { errnoOf } from "../util/errno.ts";
import { readSmallFile } from "../util/small-file.ts";

/**
 * Adds `name` with `address` to the text of a hosts file, and also `s3.NAME`, the download host of demonstration
 * servers.
 *
 * @returns `undefined` if the entry already exists
 * @throws {AgentError} CONFIG_INVALID if `name` has another address, or the file cannot be read
 */
export async function hostsWith(file: string, address: string, name: string): Promise<string | undefined> {
  const text = await read(file);
  const entries = text.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  const known = entries.find(([, ...names]) => names.includes(name))?.[0];
  if (known === address) return undefined;
  if (known !== undefined) throw new AgentError("CONFIG_INVALID", { file, name, address: known, wanted: address });
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${before}${address} ${name} s3.${name}\n`;
}

async function read(file: string): Promise<string> {
  try {
    return readSmallFile(file);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return "";
    throw new AgentError("CONFIG_INVALID", { file }, cause);
  }
}
