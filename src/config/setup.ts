import { AgentError } from "../errors/agent-error.ts";
import { readSmallFile } from "../util/small-file.ts";

export type Settings = Readonly<Record<string, unknown>>;

/**
 * The content of a configuration file, other programs' keys included, to be changed and written again.
 *
 * @returns an empty object when there is no such file
 * @throws {AgentError} CONFIG_INVALID when it cannot be read: what stands in it is not to be lost
 */
export async function readSettings(path: string): Promise<Settings> {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return {};
    throw new AgentError("CONFIG_INVALID", { file: path }, cause);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    throw new Error("not a JSON object");
  } catch (cause) {
    throw new AgentError("CONFIG_INVALID", { file: path }, cause);
  }
}

/** `settings` with `changes`, whatever the case in which a key was written; `undefined` takes a key out. */
export function changeSettings(settings: Settings, changes: Settings): Settings {
  const changed = new Set(Object.keys(changes).map((key) => key.toLowerCase()));
  const kept = Object.entries(settings).filter(([key]) => !changed.has(key.toLowerCase()));
  const fresh = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...fresh]);
}
