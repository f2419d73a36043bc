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

/** The storage accepts at most this much in one write: an adapter that ignores the returned count fails the check. */
const LONGEST_WRITE_BYTES = 48 * 1024;

/** A point at which the power may fail. */
interface Cut {
  /** The point in words, such as "before syncing x". */
  readonly words: string;
  /** Puts the folder into the state that the power cut would leave. */
  leave(): Promise<void>;
}

const MOMENTS = [
  { moment: "before", word: "before" },
  { moment: "during", word: "while" },
  { moment: "after", word: "after" },
] as const;

/** The outcome of work with a failed read; `undefined` if the work had no such read. */
type FailedRead<T> =
  | { readonly unread: string; readonly answer: T }
  | { readonly unread: string; readonly refusal: unknown }
  | undefined;

/**
 * Storage below a folder that records every change, so that the power can be cut at any of them afterwards: an
 * adapter's code runs to its end, and then the folder is put into the state that the cut would have left.
 */
export class Sandbox {
  readonly root: string;
  /** Limits for every call of the adapter. */
  readonly calls: Required<CallLimits>;
  readonly #log: string;
  #medium = new Medium(new Map());
  #acts: MediumAct[] | undefined;
  #onAct: ((act: MediumAct) => void) | undefined;
  #fails = false;
  #reads: FailingRead | undefined;
  /** Describes the operation at which the power was last cut. */
  cutAct: string | undefined;
  #cut: { left: number; readonly moment: CutMoment } | undefined;

  /** @param log file for traces, outside of `root` */
  constructor(root: string, log: string, { stop = new AbortController().signal, timeoutMs = 60_000 }: CallLimits = {}) {
    this.root = root;
    this.calls = { stop, timeoutMs };
    this.#log = log;
  }

  /** Declares the current files durable, and ends the effect of `cutPowerAt` and `failStorage`. */
  async settle(): Promise<void> {
    this.#medium = new Medium(readFiles(this.root));
    this.#cut = undefined;
    this.#fails = false;
  }

  /** Loses everything that is not durable. */
  async losePower(): Promise<void> {
    writeFiles(this.root, this.#medium.safe);
  }

  cutPowerAt(act: number, moment: CutMoment): void {
    this.#cut = { left: act, moment };
  }

  /** From now on, every change of a file fails. */
  failStorage(): void {
    this.#fails = true;
  }

  /**
   * Runs `work` and makes its `number`-th read fail, counted from 1. Afterwards all files are durable.
   *
   * @throws the error of `work` if no read has failed
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

  /** Runs a change, and cuts the power in it if requested. @throws {AgentError} ADAPTER_SANDBOX */
  async change(work: () => Promise<void>): Promise<void> {
    // A run with a failing read is not recorded.
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
    const unexplained = this.#fails ? undefined : differingFile(this.#medium.seen, readFiles(this.root));
    if (unexplained !== undefined) {
      throw new AgentError("ADAPTER_SANDBOX", {
        file: unexplained,
        reason: "the check did not see what changed this file",
      });
    }
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Runs `work` once.
   *
   * @returns what each possible power cut in it leaves
   * @throws the error of `work`
   */
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
          writeFiles(this.root, before.copy().cut(act, moment));
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
    writeFiles(this.root, this.#medium.cut(act, this.#cut.moment));
    await this.settle();
    throw new Error("power cut");
  }

  /** The `readFile` of a module's context. */
  readonly readFile = async (path: string): Promise<Uint8Array> => {
    if (existsSync(path)) this.#reads?.expectReadable(path);
    return readFile(path);
  };

  /** The file operations of a module's context, which this records. */
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
      const gone = [...readFiles(this.root).keys()].filter((one) => one === name || one.startsWith(`${name}/`));
      await rm(path, { recursive: true, force: true });
      for (const one of gone) this.#acts?.push({ kind: "remove", path: one });
    },
    syncFolder: async (path) => {
      this.#expectStorage();
      this.#acts?.push({ kind: "syncFolder", path: relative(this.root, path) });
    },
  };

  /** The storage of slots, which this records. It has a fixed size and accepts only small writes. */
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
        if (length <= 0) throw Object.assign(new Error("ENOSPC: past the end of the storage"), { code: "ENOSPC" });
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

  /** A medium has no folders. Moving one moves its files, which keep their durability. */
  async #renamed(from: string, to: string): Promise<readonly MediumAct[]> {
    const moved = [...readFiles(this.root).keys()].filter((name) => name.startsWith(`${to}/`));
    if (moved.length === 0) return [{ kind: "rename", from, to }];
    const old = (name: string): string => `${from}${name.slice(to.length)}`;
    const folders = new Set(moved.flatMap((name) => [dirname(name), dirname(old(name))]));
    return [
      ...moved.map((name): MediumAct => ({ kind: "rename", from: old(name), to: name })),
      ...[...folders].map((path): MediumAct => ({ kind: "syncFolder", path })),
    ];
  }

  #expectStorage(): void {
    if (this.#fails) throw Object.assign(new Error("EIO: the check makes writes to storage fail"), { code: "EIO" });
  }

  /**
   * Records programs while a change runs.
   *
   * @param isRoot whether the sandbox's folder is the programs' root, so that they also use paths such as `/…`
   */
  observe(inner: Process, isRoot = false): Process {
    return {
      run: async (argv, given, asked, stdin) => {
        const signal = AbortSignal.any([asked, this.calls.stop]);
        const limits = { ...given, timeoutMs: Math.min(given.timeoutMs, this.calls.timeoutMs) };
        if (this.#reads !== undefined) return this.#reads.run(inner, argv, limits, signal, stdin, isRoot);
        if (this.#acts === undefined) return inner.run(argv, limits, signal, stdin);
        const before = readFiles(this.root);
        const input = this.#fails ? await repeatable(stdin) : () => stdin;
        const result = await inner.run([...traceArgv(this.#log), ...argv], limits, signal, input());
        const acts = await this.#readTrace(argv[0], before, isRoot);
        if (!this.#fails || acts.length === 0) {
          this.#acts.push(...acts);
          return result;
        }
        // The storage must fail only for the files that the program touches, and not for its output. The first run
        // finds these files and is undone.
        writeFiles(this.root, before);
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
