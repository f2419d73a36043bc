import { isDeepStrictEqual } from "node:util";
import { AgentError } from "../errors/agent-error.ts";

/** One promise of a port, as a check that any implementation can be put to. */
export interface ContractCheck<Rig> {
  /** A sentence about behaviour. */
  readonly title: string;
  /** Rejects when the promise is broken. Gets a rig of its own. */
  run(rig: Rig): Promise<void>;
}

/** A promise is broken; the message says in words what was done, what was found, and what was expected. */
class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

/** @param what is looked at, and after which act: the beginning of the sentence that a reader gets */
export function expectSame<T>(found: T, expected: T, what: string): void {
  expectThat(isDeepStrictEqual(found, expected), `${what}: found ${inWords(found)}, expected ${inWords(expected)}`);
}

export function expectThat(holds: boolean, message: string): asserts holds {
  if (!holds) throw new BrokenPromise(message);
}

/**
 * Makes sure that `work` fails.
 *
 * @param code by which it must fail; absent: in any way
 */
export async function expectRefusal(work: Promise<unknown>, what: string, code?: string): Promise<void> {
  let found = "it was answered as done";
  try {
    await work;
  } catch (error) {
    if (code === undefined || (error instanceof Error && "code" in error && error.code === code)) return;
    found = String(error);
  }
  throw new BrokenPromise(`${what}: found that ${found}, expected ${code ?? "a failure"}`);
}

/** Where the power was cut, for a sentence. */
export function cutInWords(
  rig: { cutAct?(): string | undefined },
  moment: "before" | "during" | "after",
  act: number,
): string {
  return `${moment === "during" ? "while" : moment} ${rig.cutAct?.() ?? `making its change number ${act}`}`;
}

function inWords(value: unknown): string {
  if (value === undefined || value === "") return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether it was a time limit that ended the adapter. */
export const ranOutOfTime = (error: unknown): boolean =>
  error instanceof AgentError &&
  (error.code === "ADAPTER_TIMEOUT" || error.code === "PROCESS_TIMEOUT" || ranOutOfTime(error.cause));

/** Whether `work` comes to its end; what ends it otherwise is a power cut, in whatever words. */
export async function completes(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (ranOutOfTime(error)) throw error;
    return false;
  }
}
