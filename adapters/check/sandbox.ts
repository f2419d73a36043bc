import { existsSync } from "node:fs";
import { appendFile, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process } from "../../src/ports/process.ts";
import type { FileActsOfAdapters, OpenStorage } from "../foreign/context.ts";
import type { CallLimits } from "../foreign/foreign-call.ts";
import { FailingRead } from "./failing-reads.ts";
import { type CutMoment, type Files, inWords, Medium, type MediumAct } from "./medium.ts";
import { repeatable } from "./repeatable-stdin.ts";
import { differingFile, readFiles, writeFiles } from "./sandbox-files.ts";
import { brokenStorageArgv, readTrace, touchedBy, traceArgv } from "./trace.ts";

/** The most that storage takes at once: whoever does not look at how much that was, fails the check. */
const LONGEST_WRITE_BYTES = 48 * 1024;

/** A place at which the power may fail. */
interface Cut {
  /** Where, in words: "before syncing x". */
  readonly words: string;
  /** Makes the folder what the power would have left. */
  leave(): Promise<void>;
}

const MOMENTS = [
  { moment: "before", word: "before" },
  { moment: "during", word: "while" },
  { moment: "after", word: "after" },
] as const;

/** What came of work in which a read failed; `undefined` where there was none to fail. */
type FailedRead<T> =
  | { readonly unread: string; readonly answer: T }
  | { readonly unread: string; readonly refusal: unknown }
  | undefined;

/**
 * Storage below a folder, of which every change is recorded, so that the power can be cut at any of them after the
 * fact: an adapter's own code runs to its end, and then the folder is made what a cut would have left.
 */
export class Sandbox {
  readonly root: string;
  /** For everything that runs of the adapter. */
  readonly calls: Required<CallLimits>;
  readonly #log: string;
  #medium = new Medium(new Map());
  #acts: MediumAct[] | undefined;
  #onAct: ((act: MediumAct) => void) | undefined;
  #fails = false;
  #reads: FailingRead | undefined;
  /** What the power was cut at last, in words. */
  cutAct: string | undefined;
  #cut: { left: number; readonly moment: CutMoment } | undefined;

  /** @param log file for traces, outside of `root` */
  constructor(root: string, log: string, { stop = new AbortController().signal, timeoutMs = 60_000 }: CallLimits = {}) {
    this.root = root;
    this.calls = { stop, timeoutMs };
    this.#log = log;
  }

  /** Takes what is there as durable, ends what `cutPowerAt` and `failStorage` have begun. */
  async settle(): Promise<void> {
    this.#medium = new Medium(await readFiles(this.root));
    this.#cut = undefined;
    this.#fails = false;
  }

  /** Loses what is not durable. */
  async losePower(): Promise<void> {
    await writeFiles(this.root, this.#medium.safe);
  }

  cutPowerAt(act: number, moment: CutMoment): void {
    this.#cut = { left: act, moment };
  }

  /** Every change of a file fails from now on. */
  failStorage(): void {
    this.#fails = true;
  }

  /**
   * Runs `work`, in which the `number`-th read fails, counted from 1; then all is as durable as it is.
   *
   * @throws whatever `work` throws when no read has failed
   */
  async failRead<T>(number: number, work: () => Promise<T>): Promise<FailedRead<T>> {
    const reads = new FailingRead(this.root, this.#log, number);
    this.#reads = reads;
    try {
      const answer = await work();
      return reads.failed === undefined ? undefined : { unread: reads.failed, answer };
    } catch (error) {
      if (reads.failed === undefined) throw error;
      return { unread: reads.failed, refusal: error };
    } finally {
      this.#reads = undefined;
      await this.settle();
    }
  }

  /** Runs a change, and cuts the power in it where that was asked for. @throws {AgentError} ADAPTER_SANDBOX */
  async change(work: () => Promise<void>): Promise<void> {
    // Of a run with a read that fails there is no record.
    if (this.#reads !== undefined) return work();
    this.#acts = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      await work();
    } catch (error) {
      failure = { error };
    }
    const acts = this.#acts;
    this.#acts = undefined;
    for (const act of acts) await this.#replay(act);
    const unexplained = this.#fails ? undefined : differingFile(this.#medium.seen, await readFiles(this.root));
    if (unexplained !== undefined) {
      throw new AgentError("ADAPTER_SANDBOX", {
        file: unexplained,
        reason: "the check did not see how it was changed",
      });
    }
    if (failure !== undefined) throw failure.error;
  }

  /** Runs `work` once, and tells what each loss of power in it leaves. @throws whatever `work` throws */
  async cuts(work: () => Promise<void>): Promise<readonly Cut[]> {
    const medium = this.#medium.copy();
    const acts: MediumAct[] = [];
    this.#onAct = (act) => void acts.push(act);
    try {
      await this.change(work);
    } finally {
      this.#onAct = undefined;
    }
    return acts.flatMap((act) => {
      const before = medium.copy();
      medium.apply(act);
      return MOMENTS.map(({ moment, word }) => ({
        words: `${word} ${inWords(act)}`,
        leave: async () => {
          await writeFiles(this.root, before.copy().cut(act, moment));
          await this.settle();
        },
      }));
    });
  }

  async #replay(act: MediumAct): Promise<void> {
    this.#onAct?.(act);
    if (this.#cut !== undefined) this.#cut.left -= 1;
    if (this.#cut?.left !== 0) return this.#medium.apply(act);
    this.cutAct = inWords(act);
    await writeFiles(this.root, this.#medium.cut(act, this.#cut.moment));
    await this.settle();
    throw new Error("power cut");
  }

  /** Reads a file of a module's context. */
  readonly readFile = async (path: string): Promise<Uint8Array> => {
    if (existsSync(path)) this.#reads?.expectReadable(path);
    return readFile(path);
  };

  /** The files of a module's context, recorded. */
  readonly acts: FileActsOfAdapters = {
    writeSynced: async (path, content, mode) => {
      this.#expectStorage();
      const name = relative(this.root, path);
      const isNew = !existsSync(path);
      await writeFile(path, content, { mode });
      this.#acts?.push(
        isNew ? { kind: "create", path: name } : { kind: "truncate", path: name, sizeBytes: 0 },
        { kind: "write", path: name, offset: 0, bytes: Buffer.from(content) },
        { kind: "sync", path: name },
      );
    },
    rename: async (from, to) => {
      this.#expectStorage();
      await rename(from, to);
      this.#acts?.push(...(await this.#renamed(relative(this.root, from), relative(this.root, to))));
    },
    storeSynced: async (path, read, mode) => {
      this.#expectStorage();
      const name = relative(this.root, path);
      await writeFile(path, "", { mode, flag: "wx" });
      this.#acts?.push({ kind: "create", path: name });
      const chunk = new Uint8Array(LONGEST_WRITE_BYTES);
      let offset = 0;
      for (let count = await read(chunk); count > 0; count = await read(chunk)) {
        const bytes = chunk.slice(0, count);
        await appendFile(path, bytes);
        this.#acts?.push({ kind: "write", path: name, offset, bytes });
        offset += count;
      }
      this.#acts?.push({ kind: "sync", path: name });
    },
    remove: async (path) => {
      this.#expectStorage();
      const name = relative(this.root, path);
      const gone = [...(await readFiles(this.root)).keys()].filter((one) => one === name || one.startsWith(`${name}/`));
      await rm(path, { recursive: true, force: true });
      for (const one of gone) this.#acts?.push({ kind: "remove", path: one });
    },
    syncFolder: async (path) => {
      this.#expectStorage();
      this.#acts?.push({ kind: "syncFolder", path: relative(this.root, path) });
    },
  };

  /** The storage of slots, recorded; it ends where it ends, takes little at once, and is no larger than its file. */
  readonly openStorage: OpenStorage = async (path, access) => {
    const file = await open(path, access === "read" ? "r" : "r+");
    const { size } = await file.stat();
    const name = relative(this.root, path);
    return {
      sizeBytes: size,
      read: async (into, offset) => {
        this.#reads?.expectReadable(path);
        return (await file.read(into, 0, into.length, offset)).bytesRead;
      },
      write: async (from, offset) => {
        this.#expectStorage();
        const length = Math.min(from.length, LONGEST_WRITE_BYTES, size - offset);
        if (length <= 0) throw Object.assign(new Error("ENOSPC: behind the storage's end"), { code: "ENOSPC" });
        const { bytesWritten } = await file.write(from, 0, length, offset);
        const bytes = Uint8Array.from(from.subarray(0, bytesWritten));
        this.#acts?.push({ kind: "write", path: name, offset, bytes });
        return bytesWritten;
      },
      sync: async () => {
        this.#expectStorage();
        this.#acts?.push({ kind: "sync", path: name });
      },
      close: () => file.close(),
    };
  };

  /** A medium knows no folders: one that is moved takes its files along, which are as durable there as they were. */
  async #renamed(from: string, to: string): Promise<readonly MediumAct[]> {
    const moved = [...(await readFiles(this.root)).keys()].filter((name) => name.startsWith(`${to}/`));
    if (moved.length === 0) return [{ kind: "rename", from, to }];
    const old = (name: string): string => `${from}${name.slice(to.length)}`;
    const folders = new Set(moved.flatMap((name) => [dirname(name), dirname(old(name))]));
    return [
      ...moved.map((name): MediumAct => ({ kind: "rename", from: old(name), to: name })),
      ...[...folders].map((path): MediumAct => ({ kind: "syncFolder", path })),
    ];
  }

  #expectStorage(): void {
    if (this.#fails) throw Object.assign(new Error("EIO: the storage fails"), { code: "EIO" });
  }

  /**
   * Programs, recorded while a change runs.
   *
   * @param isRoot the sandbox's folder is their root: they name files in it by `/…` as well
   */
  observe(inner: Process, isRoot = false): Process {
    return {
      run: async (argv, given, asked, stdin) => {
        const signal = AbortSignal.any([asked, this.calls.stop]);
        const limits = { ...given, timeoutMs: Math.min(given.timeoutMs, this.calls.timeoutMs) };
        if (this.#reads !== undefined) return this.#reads.run(inner, argv, limits, signal, stdin, isRoot);
        if (this.#acts === undefined) return inner.run(argv, limits, signal, stdin);
        const before = await readFiles(this.root);
        const input = this.#fails ? await repeatable(stdin) : () => stdin;
        const result = await inner.run([...traceArgv(this.#log), ...argv], limits, signal, input());
        const acts = await this.#readTrace(argv[0], before, isRoot);
        if (!this.#fails || acts.length === 0) {
          this.#acts.push(...acts);
          return result;
        }
        // Only what it touches may fail, and not its output: so it runs twice, and the first run never was.
        await writeFiles(this.root, before);
        const names = touchedBy(acts);
        const touched = [this.root, ...(isRoot ? ["/"] : [])].flatMap((root) => names.map((name) => join(root, name)));
        return inner.run([...brokenStorageArgv(this.#log, touched), ...argv], limits, signal, input());
      },
    };
  }

  async #readTrace(program: string, before: Files, isRoot: boolean): Promise<readonly MediumAct[]> {
    try {
      const text = await readFile(this.#log, "latin1");
      return readTrace(text, isRoot ? [this.root, ""] : [this.root], before);
    } catch (cause) {
      throw new AgentError("ADAPTER_SANDBOX", { program }, cause);
    }
  }
}
