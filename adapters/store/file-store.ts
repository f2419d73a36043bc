import { join } from "node:path";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import type { Store, StoreChanges } from "../../src/ports/store.ts";
import { diskActs, ensureFolder, type FileActs, replaceFile } from "../../src/util/durable-file.ts";
import type { Logger } from "../../src/util/logger.ts";
import { readSmallFile } from "../../src/util/small-file.ts";

const FILE = "switchback-store";
const VERSION = 1;

/**
 * A store in one JSON file, `<folder>/switchback-store`, mode 0600. Every change writes a whole new file
 * beside it and renames it over the old one, so a power cut leaves one of the two and never a mixture; a
 * half-written new file is overwritten by the next change.
 *
 * A damaged file is moved aside to `switchback-store.damaged` and reported, and the device goes on with
 * an empty store: an agent that cannot start can never be repaired over the air.
 *
 * @param folder the data folder, or a link to it; made when missing, with mode 0700
 * @throws {AgentError} STORE_DAMAGED only where the damaged file cannot be moved aside
 */
export function createFileStore(folder: string, log: Logger, acts: FileActs = diskActs): Store {
  const path = join(folder, FILE);
  let last: Promise<unknown> = Promise.resolve();

  const load = async (): Promise<Map<string, string>> => {
    let text: string;
    try {
      text = readSmallFile(path);
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return new Map();
      throw new AgentError("STORE_READ", { path }, cause);
    }
    return parse(path, text) ?? (await moveAside(path, log, acts));
  };

  const apply = async (changes: StoreChanges): Promise<void> => {
    const values = await load();
    for (const [key, value] of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
    try {
      // Made durable as well, or a power cut could take the store with it.
      await ensureFolder(folder, 0o700, acts);
      const text = JSON.stringify({ version: VERSION, values: Object.fromEntries(values) });
      await replaceFile(path, text, acts, 0o600);
    } catch (cause) {
      throw new AgentError("STORE_WRITE", { path }, cause);
    }
  };

  return {
    load,
    transact(changes) {
      // One at a time: two that overlapped would each write the state that they had read.
      const turn = last.then(() => apply(changes));
      last = turn.catch(() => {
        // ignored: whoever called `transact` hears of its failure; the next one starts from the file.
      });
      return turn;
    },
  };
}

/** @returns `undefined` for a damaged file. Hand-written, because `show-artifact` must not load a schema library. */
function parse(path: string, text: string): Map<string, string> | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // ignored: the caller treats every kind of damage alike.
    return undefined;
  }
  if (!isRecord(document) || typeof document["version"] !== "number") return undefined;
  // A newer agent wrote it before this one was rolled back to: not damage, and not ours to throw away.
  if (document["version"] !== VERSION) throw new AgentError("STORE_READ", { path, version: document["version"] });
  if (!isRecord(document["values"])) return undefined;
  const values = new Map<string, string>();
  for (const [key, value] of Object.entries(document["values"])) {
    if (typeof value !== "string") return undefined;
    values.set(key, value);
  }
  return values;
}

async function moveAside(path: string, log: Logger, acts: FileActs): Promise<Map<string, string>> {
  const movedTo = `${path}.damaged`;
  try {
    await acts.rename(path, movedTo);
  } catch (cause) {
    throw new AgentError("STORE_DAMAGED", { path }, cause);
  }
  log("error", `${describeError(new AgentError("STORE_DAMAGED", { path, movedTo }))} An empty one takes its place.`);
  return new Map();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
