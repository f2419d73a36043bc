import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { Process, ProcessLimits, ProcessResult } from "../../src/ports/process.ts";
import type { Files } from "./medium.ts";
import { repeatable, type Stdin } from "./repeatable-stdin.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";
import { brokenReadsArgv, readingTraceArgv, readsIn } from "./trace.ts";

/** Adapters read this file, although it is not storage. */
const KERNEL_SAYS = "proc/cmdline";

type Argv = readonly [string, ...string[]];

/** A read failure of a program: its description, and a way to start the program so that the read fails. */
interface Fault {
  readonly words: string;
  arrange(argv: Argv): Promise<Argv>;
}

/**
 * Makes one read of an adapter fail: the `number`-th attempt, and only that one. For a module, each call of its context
 * counts as one read. For a program, a first run records its reads and is then undone. Each failure then affects all
 * reads of one file, or all reads by one of the programs that the program starts, for example inside $(...).
 */
export class FailingRead {
  readonly #root: string;
  readonly #log: string;
  #left: number;
  /** Describes the read that failed; `undefined` until then. */
  failed: string | undefined;

  /** @param log file for traces, outside of `root` */
  constructor(root: string, log: string, number: number) {
    this.#root = root;
    this.#log = log;
    this.#left = number;
  }

  /** Counts a read of a module. @throws {Error} EIO */
  expectReadable(path: string): void {
    this.#left -= 1;
    if (this.#left !== 0) return;
    this.failed = relative(this.#root, path);
    throw Object.assign(new Error(`EIO: cannot read ${path}`), { code: "EIO" });
  }

  async run(
    inner: Process,
    argv: Argv,
    limits: ProcessLimits,
    signal: AbortSignal,
    stdin: Stdin,
    isRoot: boolean,
  ): Promise<ProcessResult> {
    if (this.#left <= 0) return inner.run(argv, limits, signal, stdin);
    const before = readFiles(this.#root);
    const input = await repeatable(stdin);
    const held: Uint8Array[] = [];
    const holding = limits.onOutput && { ...limits, onOutput: async (chunk: Uint8Array) => void held.push(chunk) };
    const result = await inner.run([...readingTraceArgv(this.#log), ...argv], holding ?? limits, signal, input());
    const faults = await this.#faults(isRoot ? [this.#root, ""] : [this.#root], before);
    const fault = faults[this.#left - 1];
    this.#left -= faults.length;
    if (fault === undefined) {
      for (const chunk of held) await limits.onOutput?.(chunk);
      return result;
    }
    this.failed = fault.words;
    writeFiles(this.#root, before);
    return inner.run(await fault.arrange(argv), limits, signal, input());
  }

  /** @param roots paths by which the program may refer to the sandbox folder */
  async #faults(roots: readonly string[], before: Files): Promise<readonly Fault[]> {
    const known = new Set([...before.keys(), ...readFiles(this.#root).keys(), KERNEL_SAYS]);
    const { files, programs } = readsIn(await readFile(this.#log, "latin1"), roots, known);
    const pathsOf = (name: string): readonly string[] => roots.map((root) => `${root}/${name}`);
    const paths = files.flatMap(pathsOf);
    return [
      ...files.map((name): Fault => {
        const failing = brokenReadsArgv(pathsOf(name));
        return { words: name, arrange: async (argv) => [...failing, ...argv] };
      }),
      ...programs.map(
        (name, index): Fault => ({
          words: `the input of ${name} (program ${index + 1} that the adapter starts)`,
          arrange: async (argv) => ["env", `PATH=${await this.#shims(programs, index, paths)}`, ...argv],
        }),
      ),
    ];
  }

  /**
   * Puts a wrapper for each of these programs first in PATH. The wrapper starts the program, and makes every read of
   * the `chosen`-th program fail.
   */
  async #shims(programs: readonly string[], chosen: number, paths: readonly string[]): Promise<string> {
    const folder = `${this.#log}.shims`;
    const count = `${this.#log}.count`;
    const search = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    await writeFile(count, "");
    for (const name of new Set(programs)) {
      const real = await inPath(name, search);
      if (real === undefined) continue;
      const failing = brokenReadsArgv(paths).map(quoted).join(" ");
      // The wrapper runs no other program, because that program could also have a wrapper.
      const shim = `#!/bin/sh
count=0
while read -r _; do count=$((count + 1)); done <${quoted(count)}
echo >>${quoted(count)}
if [ "$count" -eq ${chosen} ]; then exec ${failing} ${quoted(real)} "$@"; fi
exec ${quoted(real)} "$@"
`;
      await writeFile(join(folder, name), shim);
      await chmod(join(folder, name), 0o755);
    }
    return `${folder}:${search}`;
  }
}

async function inPath(name: string, search: string): Promise<string | undefined> {
  for (const folder of search.split(":")) {
    const path = join(folder, basename(name));
    if (await isFile(path)) return path;
  }
  return undefined;
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
