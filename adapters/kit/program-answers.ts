import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process, ProcessLimits } from "../../src/ports/process.ts";
import { foreignFailure } from "./foreign-failure.ts";

type Request = readonly [string, ...string[]];

/** The lines of an answer that is not an error, without the final `ok`. */
interface Answer {
  readonly request: string;
  /** What follows `word` and a blank, in every line that begins so. */
  all(word: string): readonly string[];
}

/**
 * Sends one request and reads the answer.
 *
 * @throws {AgentError} ADAPTER_LOAD, ADAPTER_ANSWER, ADAPTER_FAILED; or the code that the program names, where it is
 * one of a boot loader's
 */
export type Ask = (request: Request, signal: AbortSignal) => Promise<Answer>;

const LIMITS: ProcessLimits = { timeoutMs: 60_000, maxOutputBytes: 64 * 1024 };
const VERSION = "1";

export function createAsk(program: string, process: Process): Ask {
  return async (request, signal) => {
    const detail = { program, request: request.join(" ") };
    const { exitCode, stdout, stderr } = await run(process, [program, ...request], signal, detail);
    const lines = stdout.split("\n").filter((line) => line !== "");
    const error = lines.find((line) => /^error( |$)/.test(line));
    if (error !== undefined) throw reported(error, detail);
    const said = stderr.trim().split("\n").at(-1) ?? "";
    if (exitCode !== 0) throw new AgentError("ADAPTER_FAILED", { ...detail, exitStatus: exitCode ?? "signal", said });
    if (lines.at(-1) !== "ok") throw new AgentError("ADAPTER_ANSWER", { ...detail, missing: "ok", said });
    return {
      request: detail.request,
      all: (word) => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1)),
    };
  };
}

/** The one line of an answer that begins with `word`. @throws {AgentError} ADAPTER_ANSWER */
export function answerOf({ request, all }: Answer, word: string): string {
  const [value, ...others] = all(word);
  if (value === undefined || others.length > 0) throw new AgentError("ADAPTER_ANSWER", { request, missing: word });
  return value;
}

/** @throws {AgentError} ADAPTER_ANSWER */
export function flagOf(answer: Answer, word: string): boolean {
  const value = answerOf(answer, word);
  if (value !== "yes" && value !== "no")
    throw new AgentError("ADAPTER_ANSWER", { request: answer.request, [word]: value });
  return value === "yes";
}

export interface Greeting {
  readonly kind: string;
  readonly name: string;
}

/**
 * Asks the program what it is.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_PROTOCOL and those of `Ask`
 */
export async function greet(ask: Ask, program: string, signal: AbortSignal): Promise<Greeting> {
  const [greeting] = (await ask(["hello"], signal)).all("switchback-adapter");
  const [, version, kind, name] = /^(\S+) (\S+) (\S+)$/.exec(greeting ?? "") ?? [];
  if (version === undefined || kind === undefined || name === undefined) {
    throw new AgentError("ADAPTER_INVALID", { program, missing: "switchback-adapter VERSION KIND NAME" });
  }
  if (version !== VERSION) throw new AgentError("ADAPTER_PROTOCOL", { program, version, known: VERSION });
  return { kind, name };
}

function reported(line: string, detail: Readonly<Record<string, string>>): AgentError {
  const [, code = "", said = ""] = /^error(?: (\S+))?(?: (.*))?$/.exec(line) ?? [];
  return foreignFailure(code, { ...detail, said });
}

async function run(process: Process, argv: Request, signal: AbortSignal, detail: Readonly<Record<string, string>>) {
  try {
    return await process.run(argv, LIMITS, signal);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    if (cause.code === "PROCESS_TIMEOUT") throw new AgentError("ADAPTER_FAILED", detail, cause);
    throw new AgentError("ADAPTER_LOAD", detail, cause);
  }
}
