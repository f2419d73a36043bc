import { isDeepStrictEqual } from "node:util";
import { AgentError } from "../errors/agent-error.ts";

/** One promise of a port, as a check that runs against any implementation. */
export interface ContractCheck<Rig> {
  /** A sentence that describes the behaviour. */
  readonly title: string;
  /** Rejects if the promise is broken. Each check gets a new rig. */
  run(rig: Rig): Promise<void>;
}

/** Reports a broken promise. The message says what the check did, what it found and what it expected. */
class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

/** @param what the subject of the check and the act before it; the error message begins with it */
export function expectSame<T>(found: T, expected: T, what: string): void {
  expectThat(isDeepStrictEqual(found, expected), `${what}: found ${inWords(found)}, expected ${inWords(expected)}`);
}

export function expectThat(holds: boolean, message: string): asserts holds {
  if (!holds) throw new BrokenPromise(message);
}

/**
 * Checks that `work` fails.
 *
 * @param code the expected error code; absent: any error will do
 */
export async function expectRefusal(work: Promise<unknown>, what: string, code?: string): Promise<void> {
  let found = "success";
  try {
    await work;
  } catch (error) {
    if (code === undefined || (error instanceof Error && "code" in error && error.code === code)) return;
    found = String(error);
  }
  throw new BrokenPromise(`${what}: found ${found}, expected ${code ?? "an error"}`);
}

/** The moment of a power cut, as part of a sentence. */
export function cutInWords(
  rig: { cutAct?(): string | undefined },
  moment: "before" | "during" | "after",
  act: number,
): string {
  return `${moment === "during" ? "while" : moment} ${rig.cutAct?.() ?? `making change ${act}`}`;
}

function inWords(value: unknown): string {
  if (value === undefined || value === "") return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether a time limit stopped the adapter. */
export const ranOutOfTime = (error: unknown): boolean =>
  error instanceof AgentError &&
  (error.code === "ADAPTER_TIMEOUT" || error.code === "PROCESS_TIMEOUT" || ranOutOfTime(error.cause));

/** Whether `work` completes. Treats every rejection as a power cut, except a timeout, which it throws. */
export async function completes(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (ranOutOfTime(error)) throw error;
    return false;
  }
}
