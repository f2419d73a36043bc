import { AgentError } from "../errors/agent-error.ts";
import { errnoOf } from "../util/errno.ts";
import { isJsonObject } from "../util/json-object.ts";
import { readSmallFile } from "../util/small-file.ts";

export type Settings = Readonly<Record<string, unknown>>;

/**
 * Reads a configuration file, including the keys of other programs, so that it can be changed and written back.
 *
 * @returns an empty object if the file does not exist
 * @throws {AgentError} CONFIG_INVALID if it cannot be read, so that its content is not lost
 */
export async function readSettings(path: string): Promise<Settings> {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return {};
    throw new AgentError("CONFIG_INVALID", { file: path }, cause);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return { ...value };
    throw new Error("not a JSON object");
  } catch (cause) {
    throw new AgentError("CONFIG_INVALID", { file: path }, cause);
  }
}

/** Applies `changes` to `settings`, ignoring the case of keys; `undefined` removes a key. */
export function changeSettings(settings: Settings, changes: Settings): Settings {
  const changed = new Set(Object.keys(changes).map((key) => key.toLowerCase()));
  const kept = Object.entries(settings).filter(([key]) => !changed.has(key.toLowerCase()));
  const fresh = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...fresh]);
}
