import { fstatSync, writeSync } from "node:fs";
import type { CliIo } from "../agent/io.ts";
import { AgentError } from "../errors/agent-error.ts";
import { oneLine } from "./one-line.ts";

/**
 * A poll each few minutes takes longer to compile than it ever saves: with these V8 interprets, and collects from the
 * first call on what makes that quick. Processes that are started have V8's own ways again.
 */
const IDLE_FLAGS = ["--no-opt", "--no-maglev", "--no-sparkplug", "--no-lazy-feedback-allocation"] as const;

/** The terminal and the signals of this very process. */
export function processIo(): CliIo {
  const interrupted = new AbortController();
  const interrupt = (signal: string): void => interrupted.abort(new AgentError("CANCELLED", { signal }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.once(signal, interrupt);
  process.on("SIGHUP", (signal) => {
    if (hasTerminal()) interrupt(signal);
  });
  let hasLostResults = false;
  const err = (line: string): void => void write(2, `${oneLine(line)}\n`);
  const result = (text: string): void => {
    const failure = write(1, text);
    if (failure === undefined) return;
    if (!hasLostResults) err(`error: Cannot write to standard output: ${failure}`);
    hasLostResults = true;
  };
  return {
    out: (line) => result(`${oneLine(line)}\n`),
    outPart: (text) => result(oneLine(text)),
    err,
    errRaw: (text) => void write(2, text),
    get hasLostResults() {
      return hasLostResults;
    },
    get stderrIsTerminal() {
      return process.stderr.isTTY === true;
    },
    get stderrColumns() {
      // A terminal that does not know its size says 0.
      return process.stderr.columns || undefined;
    },
    get ask() {
      if (!stdinIsTerminal()) return undefined;
      return async (question: string, isSecret?: boolean) =>
        (await import("./ask.ts")).askOnTerminal(oneLine(question), isSecret === true, interrupted.signal);
    },
    env: process.env,
    signal: interrupted.signal,
    onSignal: (signal, listener) => void process.on(signal, listener),
    staysIdle() {
      for (const flag of IDLE_FLAGS) process.getBuiltinModule("node:v8").setFlagsFromString(flag);
    },
    commandLine: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    exitCode: 0,
  };
}

/** `/dev/null` and its like. */
const MEMORY_DEVICES = 1;

/**
 * Whether a terminal can be lost. `nohup` takes it from all three, and what it says besides, that SIGHUP is to be ignored,
 * Node undoes at its start. Asked of the files: a terminal that has hung up would not say that it is one.
 */
const hasTerminal = (): boolean =>
  [0, 1, 2].some((descriptor) => {
    try {
      const found = fstatSync(descriptor);
      return found.isCharacterDevice() && found.rdev >> 8 !== MEMORY_DEVICES;
    } catch {
      // ignored: it has been closed.
      return false;
    }
  });

/** Asked of a module that comes with all of the network, which most commands do without. */
const stdinIsTerminal = (): boolean => process.getBuiltinModule("node:tty").isatty(0);

/**
 * Writes synchronously, so that nothing is lost when the process is ended, and lean: no stream is set up. Never throws:
 * what a terminal or a disk does to these lines must not change what becomes of an update.
 *
 * @returns why the text could not be written; `undefined` also for a reader that has gone away (`| head`)
 */
function write(fd: 1 | 2, text: string): string | undefined {
  // As a string first: a buffer for each of a million lines stays in memory until the collector sees to it.
  let rest: string | Buffer = text;
  while (rest.length > 0) {
    try {
      const count: number = typeof rest === "string" ? writeSync(fd, rest) : writeSync(fd, rest);
      rest = count < Buffer.byteLength(rest) ? Buffer.from(rest).subarray(count) : "";
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EPIPE" || code === "EBADF") return undefined;
      if (code !== "EAGAIN") return String(error instanceof Error ? error.message : error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return undefined;
}
