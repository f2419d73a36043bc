import { type ChildProcess, spawn } from "node:child_process";
import { AgentError } from "../errors/agent-error.ts";
import { startAgain } from "../util/start-again.ts";

/** A program that signs, or that gives a public key. */
export interface SigningProgram {
  readonly argv: readonly [string, ...string[]];
  /** Name in errors: what the user wrote, without secrets. */
  readonly label: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** An open file for its standard input; absent: the input is empty. */
  readonly stdin?: number;
}

/** How signing programs run. */
export interface ProgramRules {
  readonly timeoutMs: number;
  /** Whether a person is there to enter a PIN: the program then keeps the terminal. */
  readonly hasTerminal: boolean;
  /** Receives what the program writes to stderr, line by line. */
  tell(line: string): void;
}

export interface ProgramResult {
  /** Exit status, or the name of the signal that ended the program. */
  readonly exit: string;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A signature has less than 3 KiB even as text. */
const MAX_STDOUT_BYTES = 64 * 1024;
const MAX_STDERR_CHARS = 2_000;
const GRACE_MS = 2_000;

/**
 * Runs a program to its end. Without a terminal, the program has its own session, and the whole process group ends with
 * it. With a terminal it shares the session of this process, because a program of another session cannot ask for a PIN.
 *
 * @throws {AgentError} PROCESS_MISSING, PROCESS_START, SIGNER_TIMEOUT, SIGNER_OUTPUT; the signal's reason
 */
export async function runSigningProgram(
  program: SigningProgram,
  rules: ProgramRules,
  signal: AbortSignal,
): Promise<ProgramResult> {
  signal.throwIfAborted();
  const child = await startAgain(() => start(program, rules), signal);
  return await supervise(child, program, rules, signal);
}

function start({ argv, env, stdin }: SigningProgram, { hasTerminal }: ProgramRules): Promise<ChildProcess> {
  const [name, ...args] = argv;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
      reject(new AgentError(isMissing ? "PROCESS_MISSING" : "PROCESS_START", { program: name }, cause));
    };
    try {
      const child = spawn(name, args, { env, detached: !hasTerminal, stdio: [stdin ?? "ignore", "pipe", "pipe"] });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // Some start failures are thrown, and others arrive as events.
      fail(cause);
    }
  });
}

function supervise(
  child: ChildProcess,
  { label }: SigningProgram,
  { timeoutMs, hasTerminal, tell }: ProgramRules,
  signal: AbortSignal,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = "";
    let failure: (() => unknown) | undefined;
    let killing: NodeJS.Timeout | undefined;
    const kill = (name: NodeJS.Signals): void => {
      if (hasTerminal || child.pid === undefined) child.kill(name);
      else signalGroup(child.pid, name);
    };
    const stop = (why: () => unknown): void => {
      failure ??= why;
      kill("SIGTERM");
      killing ??= setTimeout(() => {
        kill("SIGKILL");
        // A descendant that left the group may hold the pipes open.
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, GRACE_MS);
    };
    const interrupt = (): void => stop(() => signal.reason);
    const limit = setTimeout(
      () => stop(() => new AgentError("SIGNER_TIMEOUT", { signer: label, timeoutMs })),
      timeoutMs,
    );
    signal.addEventListener("abort", interrupt);
    if (signal.aborted) interrupt();
    child.stdout?.on("data", (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes <= MAX_STDOUT_BYTES) chunks.push(chunk);
      else if (failure === undefined) stop(() => tooMuch(label));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
      for (const line of text.trimEnd().split("\n")) tell(line);
    });
    child.once("close", (code, signalName) => {
      clearTimeout(limit);
      clearTimeout(killing);
      signal.removeEventListener("abort", interrupt);
      if (!hasTerminal && child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      if (failure !== undefined) reject(failure());
      else resolve({ exit: String(code ?? signalName), stdout: Buffer.concat(chunks), stderr });
    });
  });
}

const tooMuch = (label: string): AgentError =>
  new AgentError("SIGNER_OUTPUT", { signer: label, reason: `more than ${MAX_STDOUT_BYTES} bytes` });

/** Signals the process group of `pid`; a group that is gone needs no signal. */
function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // ignored: ESRCH, the group has no process left.
  }
}
