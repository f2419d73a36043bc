import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../../errors/agent-error.ts";
import { errnoOf } from "../../util/errno.ts";
import { startAgain } from "../../util/start-again.ts";

export interface FilterProgram {
  readonly argv: readonly [string, ...string[]];
  /** The program's Debian package, for the error message. */
  readonly package: string;
}

type FilterChild = ChildProcessByStdio<Writable, Readable, Readable>;
const MAX_STDERR_CHARS = 1000;

/**
 * Sends bytes through a program, with back-pressure in both directions. The program has exited when the iteration ends,
 * in any way.
 *
 * @throws {AgentError} COMPRESSOR_MISSING, COMPRESSOR_FAILED, PROCESS_START; the errors of `input`; the signal's reason
 */
export async function* throughProgram(
  program: FilterProgram,
  input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const child = await startAgain(() => start(program), signal);
  const ended = endOf(child, program);
  const fed = feed(child, input, signal);
  // ignored: both are awaited below, unless an earlier error is thrown first.
  for (const outcome of [ended, fed]) outcome.catch(() => undefined);
  try {
    yield* outputOf(child);
    await fed;
    await ended;
  } finally {
    child.kill("SIGKILL");
    // ignored: this program was killed on purpose; its result was checked above.
    await ended.catch(() => undefined);
  }
}

/**
 * The program needs no record of running programs: if this process is killed, the program's input ends, and it exits.
 */
function start(program: FilterProgram): Promise<FilterChild> {
  const [command, ...args] = program.argv;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(startError(program, cause));
    try {
      const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // Some start failures are thrown, and others arrive as events.
      fail(cause);
    }
  });
}

async function* outputOf({ stdout }: FilterChild): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stdout) yield chunk;
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
  }
}

async function feed(child: FilterChild, input: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, signal: AbortSignal) {
  try {
    await pipeline(Readable.from(input, { objectMode: false }), child.stdin, { signal });
  } catch (error) {
    if (isBrokenPipe(error)) return;
    child.kill("SIGKILL");
    signal.throwIfAborted();
    throw error;
  }
}

/** The program has exited or did not start: its exit status says more than the broken pipe. */
function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && ["EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes(String(error.code))
  );
}

/** Resolves when the program has exited successfully. */
async function endOf(child: FilterChild, program: FilterProgram): Promise<void> {
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(0, MAX_STDERR_CHARS);
  });
  const [name] = program.argv;
  const [exitCode, exitSignal] = await once(child, "close");
  if (exitCode === 0) return;
  throw new AgentError("COMPRESSOR_FAILED", { program: name, status: exitCode ?? exitSignal, stderr: said.trim() });
}

const startError = ({ argv: [program], package: debianPackage }: FilterProgram, cause: unknown): AgentError =>
  errnoOf(cause) === "ENOENT"
    ? new AgentError("COMPRESSOR_MISSING", { program, package: debianPackage }, cause)
    : new AgentError("PROCESS_START", { program }, cause);
