import { setTimeout } from "node:timers/promises";

/** What a start fails with when memory, processes or files are short, or somebody still writes to the program. */
const PASSING: ReadonlySet<unknown> = new Set(["ENOMEM", "EAGAIN", "ENFILE", "EMFILE", "ETXTBSY"]);

/** Five seconds in all: a shortage that lasts longer is no hiccup. */
const PAUSES_MS: readonly number[] = [50, 100, 200, 400, 800, 1600, 1850];

/**
 * Tries to start a program again when the failure may pass, so that a moment's shortage decides over no update.
 *
 * @param start rejects with a failure whose `cause` is the system's own
 * @throws what `start` throws at last; the signal's reason
 */
export async function startAgain<T>(start: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await start();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await setTimeout(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
      // ignored: the signal's own reason is thrown below.
    });
    signal?.throwIfAborted();
  }
  return await start();
}

function isPassing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && PASSING.has(cause.code);
}
