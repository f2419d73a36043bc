import { writeSync } from "node:fs";
import { AgentError } from "../errors/agent-error.ts";
import type { CliIo } from "./io.ts";

/**
 * A poll each few minutes takes longer to compile than it ever saves: with these V8 interprets, and collects from the
 * first call on what makes that quick. Processes that are started have V8's own ways again.
 */
const IDLE_FLAGS = ["--no-opt", "--no-maglev", "--no-sparkplug", "--no-lazy-feedback-allocation"] as const;

/** The terminal and the signals of this very process. */
export function processIo(): CliIo {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    process.once(signal, () => interrupted.abort(new AgentError("CANCELLED", { signal })));
  }
  return {
    out: (line) => write(1, `${line}\n`),
    err: (line) => write(2, `${line}\n`),
    errRaw: (text) => write(2, text),
    get stderrIsTerminal() {
      return process.stderr.isTTY === true;
    },
    get ask() {
      if (!stdinIsTerminal()) return undefined;
      return async (question: string, isSecret?: boolean) =>
        (await import("./ask.ts")).askOnTerminal(question, isSecret === true, interrupted.signal);
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

/** Asked of a module that comes with all of the network, which most commands do without. */
const stdinIsTerminal = (): boolean => process.getBuiltinModule("node:tty").isatty(0);

/** Synchronous, so that nothing is lost when the process is ended, and lean: no stream is set up. */
function write(fd: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // ignored: a reader that has gone away (`| head`) is no failure of the command.
      if (code === "EPIPE" || code === "EBADF") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
