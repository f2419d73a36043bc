import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process, ProcessLimits } from "../../src/ports/process.ts";
import { foreignFailure } from "./foreign-failure.ts";

type Request = readonly [string, ...string[]];

/** The lines of a successful answer, without the final `ok`. */
interface ProgramReply {
  readonly request: string;
  /** For each line that begins with `word` and a space, the rest of the line. */
  all(word: string): readonly string[];
}

/**
 * Sends one request and reads the answer.
 *
 * @throws {AgentError} ADAPTER_LOAD, ADAPTER_ANSWER, ADAPTER_FAILED; or the code that the program reports, if the agent
 * passes that code on
 */
export type Ask = (request: Request, signal: AbortSignal, more?: AskOptions) => Promise<ProgramReply>;

export interface AskOptions {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Default: 60 seconds. */
  readonly timeoutMs?: number;
}

const LIMITS: ProcessLimits = { timeoutMs: 60_000, maxOutputBytes: 64 * 1024 };
const VERSION = "1";

export function createAsk(program: string, process: Process): Ask {
  return async (request, signal, { stdin, timeoutMs = LIMITS.timeoutMs } = {}) => {
    const detail = { program, request: request.join(" ") };
    const start = () => process.run([program, ...request], { ...LIMITS, timeoutMs }, signal, stdin);
    const { exitCode, stdout, stderr } = await named(start, detail);
    const lines = stdout.split("\n").filter((line) => line !== "");
    const error = lines.find((line) => /^error( |$)/.test(line));
    if (error !== undefined) throw reported(error, detail);
    expectSuccess(exitCode, stderr, detail);
    if (lines.at(-1) !== "ok")
      throw new AgentError("ADAPTER_ANSWER", { ...detail, missing: "ok", said: lastLine(stderr) });
    return {
      request: detail.request,
      all: (word) => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1)),
    };
  };
}

/** The rest of the only line that begins with `word`. @throws {AgentError} ADAPTER_ANSWER */
export function answerOf({ request, all }: ProgramReply, word: string): string {
  const [value, ...others] = all(word);
  if (value === undefined || others.length > 0) throw new AgentError("ADAPTER_ANSWER", { request, missing: word });
  return value;
}

/** @throws {AgentError} ADAPTER_ANSWER */
export function flagOf(answer: ProgramReply, word: string): boolean {
  const value = answerOf(answer, word);
  if (value !== "yes" && value !== "no")
    throw new AgentError("ADAPTER_ANSWER", { request: answer.request, [word]: value });
  return value === "yes";
}

/**
 * Asks the program for its protocol version, kind and name, and verifies version and kind.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_PROTOCOL and those of `Ask`
 */
export async function greetAs(
  wanted: string,
  program: string,
  process: Process,
): Promise<{ readonly ask: Ask; readonly name: string }> {
  const ask = createAsk(program, process);
  const [greeting] = (await ask(["hello"], new AbortController().signal)).all("switchback-adapter");
  const [, version, kind, name] = /^(\S+) (\S+) (\S+)$/.exec(greeting ?? "") ?? [];
  if (version === undefined || kind === undefined || name === undefined) {
    throw new AgentError("ADAPTER_INVALID", { program, missing: "switchback-adapter VERSION KIND NAME" });
  }
  if (version !== VERSION) throw new AgentError("ADAPTER_PROTOCOL", { program, version, known: VERSION });
  if (kind !== wanted) throw new AgentError("ADAPTER_INVALID", { program, kind, wanted });
  return { ask, name };
}

/**
 * Checks the exit status of a program that writes data to standard output. It reports `error CODE TEXT` on standard
 * error.
 *
 * @throws {AgentError} ADAPTER_FAILED, or the code that the program reports
 */
export function expectSuccess(
  exitCode: number | undefined,
  stderr: string,
  detail: Readonly<Record<string, string>>,
): void {
  if (exitCode === 0) return;
  const said = lastLine(stderr);
  if (/^error( |$)/.test(said)) throw reported(said, detail);
  throw new AgentError("ADAPTER_FAILED", { ...detail, exitStatus: exitCode ?? "signal", said });
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

function reported(line: string, detail: Readonly<Record<string, string>>): AgentError {
  const [, code = "", said = ""] = /^error(?: (\S+))?(?: (.*))?$/.exec(line) ?? [];
  return foreignFailure(code, { ...detail, said });
}

async function named<T>(start: () => Promise<T>, detail: Readonly<Record<string, string>>): Promise<T> {
  try {
    return await start();
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    if (cause.code === "PROCESS_TIMEOUT") throw new AgentError("ADAPTER_FAILED", detail, cause);
    throw new AgentError("ADAPTER_LOAD", detail, cause);
  }
}
