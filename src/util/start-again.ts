import { setTimeout } from "node:timers/promises";

/** Errors of a start when memory, processes or files are short, or another process still writes to the program. */
const PASSING: ReadonlySet<unknown> = new Set(["ENOMEM", "EAGAIN", "ENFILE", "EMFILE", "ETXTBSY"]);

/** Five seconds in total: a longer shortage is not temporary. */
const PAUSES_MS: readonly number[] = [50, 100, 200, 400, 800, 1600, 1850];

/**
 * Retries the start of a program after a temporary failure, so that a brief shortage does not fail an update.
 *
 * @param start rejects with an error whose `cause` is the system's error
 * @throws the last error of `start`; the signal's reason
 */
export async function startAgain<T>(start: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await start();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await setTimeout(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
      // ignored: the signal's reason is thrown below.
    });
    signal?.throwIfAborted();
  }
  return await start();
}

function isPassing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && PASSING.has(cause.code);
}
