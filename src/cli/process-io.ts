import { fstatSync, writeSync } from "node:fs";
import type { CliIo } from "../agent/io.ts";
import { AgentError } from "../errors/agent-error.ts";
import { errnoOf } from "../util/errno.ts";
import { oneLine } from "./one-line.ts";

/**
 * For a poll every few minutes, compiling costs more time than it ever saves. With these flags, V8 only interprets, and
 * collects type feedback from the first call on, which speeds that up. Child processes start with V8's defaults again.
 */
const IDLE_FLAGS = ["--no-opt", "--no-maglev", "--no-sparkplug", "--no-lazy-feedback-allocation"] as const;

/** The terminal and the signals of this process. */
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

/** Major number of `/dev/null` and similar devices. */
const MEMORY_DEVICES = 1;

/**
 * Whether a terminal can be lost. `nohup` redirects all three descriptors; it also ignores SIGHUP, but Node resets that
 * at its start. This checks the open files, because `isatty` is false for a terminal that has hung up.
 */
const hasTerminal = (): boolean =>
  [0, 1, 2].some((descriptor) => {
    try {
      const found = fstatSync(descriptor);
      return found.isCharacterDevice() && found.rdev >> 8 !== MEMORY_DEVICES;
    } catch {
      // ignored: the descriptor is closed.
      return false;
    }
  });

/** Loads `node:tty` only when called: it brings all of the network code, which most commands do not need. */
const stdinIsTerminal = (): boolean => process.getBuiltinModule("node:tty").isatty(0);

/**
 * Writes synchronously, so that nothing is lost when the process ends, and without a stream to set up. Never throws:
 * a terminal or disk that fails must not change the outcome of an update.
 *
 * @returns why the text could not be written; `undefined` also if the reader has closed its end (`| head`)
 */
function write(fd: 1 | 2, text: string): string | undefined {
  // Starts with a string: a buffer for each of a million lines would stay in memory until the next garbage collection.
  let rest: string | Buffer = text;
  while (rest.length > 0) {
    try {
      const count: number = typeof rest === "string" ? writeSync(fd, rest) : writeSync(fd, rest);
      rest = count < Buffer.byteLength(rest) ? Buffer.from(rest).subarray(count) : "";
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EPIPE" || code === "EBADF") return undefined;
      if (code !== "EAGAIN") return String(error instanceof Error ? error.message : error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return undefined;
}
