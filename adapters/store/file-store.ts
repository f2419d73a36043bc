import { statSync } from "node:fs";
import { join } from "node:path";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { Store, StoreChanges } from "../../src/ports/store.ts";
import { ensureFolder } from "../../src/util/ensure-folder.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { isJsonObject } from "../../src/util/json-object.ts";
import type { Logger } from "../../src/util/logger.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { diskActs } from "../files/disk.ts";
import type { Reserve } from "./reserve.ts";

export const STORE_FILE = "switchback-store";
const VERSION = 1;

/**
 * A store in one JSON file, `<folder>/switchback-store`, mode 0600. Every change writes a complete new file beside it
 * and renames it over the old one. A power cut therefore leaves either the old file or the new one, never a mixture.
 * The next change overwrites a half-written new file.
 *
 * The store moves a damaged file aside to `switchback-store.damaged`, logs an error, and the device continues with an
 * empty store: an agent that cannot start can never be repaired over the air. For the same reason the store accepts the
 * file of a newer agent, which a rollback can leave behind. It takes the values as they are (a value that is not a
 * string becomes its JSON text), and the next change writes them in this version's format. It moves a newer file
 * without values aside to `switchback-store.newer`.
 *
 * The first change also creates a reserve, `switchback-store.reserve`. A change that finds the file system full uses
 * the reserve's space: an update that fills the file system cannot keep the agent from rolling it back.
 *
 * @param folder the data folder, or a link to it; the store creates a missing folder with mode 0700
 * @throws {AgentError} STORE_DAMAGED, STORE_NEWER only if the store cannot move such a file aside
 * @see docs/reliability.md, "An agent of another version"
 */
export function createFileStore(folder: string, log: Logger, acts: FileActs = diskActs): Store {
  const path = join(folder, STORE_FILE);
  let made: Promise<Reserve> | undefined;
  // Loaded with the first change: the daemon, which runs for months, only reads.
  const reserve = (): Promise<Reserve> => {
    made ??= import("./reserve.ts").then(({ createReserve }) => createReserve(`${path}.reserve`, acts));
    return made;
  };
  let last: Promise<unknown> = Promise.resolve();

  const load = async (): Promise<Stored> => {
    let text: string;
    try {
      text = readSmallFile(path);
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return NOTHING;
      throw new AgentError("STORE_READ", { path }, cause);
    }
    const found = parse(text);
    if (typeof found !== "string") return found;
    await moveAside(path, found, log, acts);
    return NOTHING;
  };

  const apply = async (changes: StoreChanges): Promise<void> => {
    const { version, values: old } = await load();
    if (version !== VERSION) log("warning", `Converting the store from version ${version} to version ${VERSION}.`);
    const values = new Map(old);
    for (const [key, value] of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
    try {
      // The folder must be durable too, or a power cut could remove it together with the store.
      await ensureFolder(folder, 0o700, acts);
      const text = JSON.stringify({ version: VERSION, values: Object.fromEntries(values) });
      await replace(text);
      await (await reserve()).holdWhatFits(Buffer.byteLength(text));
    } catch (cause) {
      throw new AgentError("STORE_WRITE", { path }, cause);
    }
  };

  const replace = async (text: string): Promise<void> => {
    const { replaceFile } = await import("../../src/util/replace-file.ts");
    try {
      await replaceFile(path, text, acts, 0o600);
    } catch (error) {
      if (!isFull(error) || !(await (await reserve()).giveUp())) throw error;
      await replaceFile(path, text, acts, 0o600);
    }
  };

  const hold = async (): Promise<void> => {
    try {
      await ensureFolder(folder, 0o700, acts);
      await (await reserve()).hold(sizeOf(path));
    } catch (cause) {
      throw new AgentError(isFull(cause) ? "STORE_FULL" : "STORE_WRITE", { path }, cause);
    }
  };

  /** Runs one change at a time: overlapping changes would overwrite each other's result. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work);
    last = turn.catch(() => {
      // ignored: the caller receives the failure; the next change reads the file again.
    });
    return turn;
  };

  return {
    load: async () => (await load()).values,
    transact: (changes) => inTurn(() => apply(changes)),
    reserve: () => inTurn(hold),
  };
}

/** The contents of a store file; `version` is the store version of the agent that wrote it. */
interface Stored {
  readonly version: number;
  readonly values: ReadonlyMap<string, string>;
}

const NOTHING: Stored = { version: VERSION, values: new Map() };

/**
 * Validates by hand (ADR 17).
 *
 * @returns the contents, or why the file is unusable
 */
function parse(text: string): Stored | "STORE_DAMAGED" | "STORE_NEWER" {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // ignored: the caller treats every kind of damage alike.
    return "STORE_DAMAGED";
  }
  const { version, values: found } = isJsonObject(document) ? document : {};
  if (typeof version !== "number") return "STORE_DAMAGED";
  const isOurs = version === VERSION;
  if (!isJsonObject(found)) return isOurs ? "STORE_DAMAGED" : "STORE_NEWER";
  const values = new Map<string, string>();
  for (const [key, value] of Object.entries(found)) {
    if (isOurs && typeof value !== "string") return "STORE_DAMAGED";
    values.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  return { version, values };
}

export const STORE_ASIDE = { STORE_DAMAGED: ".damaged", STORE_NEWER: ".newer" } as const;

async function moveAside(path: string, code: keyof typeof STORE_ASIDE, log: Logger, acts: FileActs): Promise<void> {
  const movedTo = path + STORE_ASIDE[code];
  try {
    await acts.rename(path, movedTo);
  } catch (cause) {
    throw new AgentError(code, { path }, cause);
  }
  log("error", `${describeError(new AgentError(code, { path, movedTo }))} The agent starts with an empty store.`);
}

/** Whether an operation failed because the file system or the quota is full. */
const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes(String(errnoOf(error)));

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
