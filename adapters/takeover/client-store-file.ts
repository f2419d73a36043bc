import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ClientProcess, ClientStore } from "../../src/ports/client-store.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { replaceFile } from "../../src/util/replace-file.ts";
import { readSmallBytes } from "../../src/util/small-file.ts";
import { clientStoreIn } from "./client-store-path.ts";
import { USUAL_SHAPE } from "./lmdb-format.ts";
import { type LmdbContent, readLmdb } from "./lmdb-reader.ts";
import { writeLmdb } from "./lmdb-writer.ts";

/** Suffix of the copy that `replace` keeps. */
const COPY = ".before-switchback";
const MOST_READS = 5;
const FIRST_TXN = 2n;

/**
 * The Mender client's store in one LMDB file, `<folder>/mender-store`. Needs no lock of LMDB, and makes no file beside it:
 * two equal reads in a row show that no transaction was being written.
 *
 * @param proc where the kernel lists processes
 */
export function createClientStoreFile(folder: string, acts: FileActs, proc = "/proc"): ClientStore {
  const path = clientStoreIn(folder);

  function read(): Buffer | undefined {
    try {
      return readSmallBytes(path);
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return undefined;
      throw new AgentError("STORE_READ", { path }, cause);
    }
  }

  function content(): { readonly bytes: Buffer; readonly found: LmdbContent } | undefined {
    let bytes = read();
    for (let reads = 1; reads < MOST_READS; reads++) {
      const again = read();
      if (bytes === undefined || again === undefined) return undefined;
      if (bytes.equals(again)) return { bytes, found: withPath(path, () => readLmdb(again)) };
      bytes = again;
    }
    throw new AgentError("TAKEOVER_RUNNING", { path, reason: "it keeps changing" });
  }

  return {
    path,
    async load() {
      const found = content()?.found;
      return found && { revision: String(found.txn), values: found.values };
    },
    user: async () => userOf([path, `${path}-lock`], proc),
    async replace(values) {
      const old = content();
      const shape = old?.found ?? { ...USUAL_SHAPE, wordBytes: process.arch.includes("64") ? 8 : 4 };
      const entries = new Map([...values].map(([key, value]) => [key, Buffer.from(value)]));
      // Before transaction 1 every store is empty, so a store with a history must be older than that.
      const txn = old === undefined || old.found.txn === 0n ? FIRST_TXN : old.found.txn + 1n;
      const bytes = writeLmdb(shape, entries, txn);
      try {
        if (old !== undefined) await replaceFile(path + COPY, old.bytes, acts, 0o600);
        await replaceFile(path, bytes, acts, old === undefined ? 0o600 : undefined);
      } catch (cause) {
        throw new AgentError("STORE_WRITE", { path }, cause);
      }
    },
  };
}

function withPath<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AgentError) throw new AgentError(error.code, { path, ...error.detail }, error.cause);
    throw error;
  }
}

/** Finds the process by its open files: LMDB keeps the store open as long as the client uses it. */
function userOf(paths: readonly string[], proc: string): ClientProcess | undefined {
  const wanted = new Set(paths.map(realOf));
  for (const pid of listed(proc).filter((name) => /^\d+$/.test(name))) {
    const files = join(proc, pid, "fd");
    if (!listed(files).some((fd) => wanted.has(linkOf(join(files, fd)) ?? ""))) continue;
    return { pid: Number(pid), program: programOf(join(proc, pid)) };
  }
  return undefined;
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // ignored: nobody has a missing file open.
    return path;
  }
}

/** Nothing for a process that has ended, or that this user may not look at. */
function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // ignored: see above.
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // ignored: the file has been closed.
    return undefined;
  }
}

const programOf = (process: string): string => linkOf(join(process, "exe")) ?? "unknown";
