import { AgentError } from "../../src/errors/agent-error.ts";
import { foreignFailure } from "./foreign-failure.ts";

export interface CallLimits {
  /** For each call that has no limit of its own. */
  readonly timeoutMs?: number;
  /** Stops every call, besides the signal of each. */
  readonly stop?: AbortSignal;
}

/**
 * Calls a function of a module, for no longer than `timeoutMs`. A promise that never settles is left behind.
 *
 * @param work gets a signal that also aborts when the time is over
 * @throws {AgentError} ADAPTER_TIMEOUT, ADAPTER_FAILED or the code that it names; the signal's reason
 */
export type ForeignCall = <T>(
  request: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => T | Promise<T>,
  timeoutMs?: number,
) => Promise<T>;

/** As for programs that answer. */
const TIMEOUT_MS = 60_000;
/** For a call to end by itself when it is stopped: it may be in the middle of a write. */
const GRACE_MS = 2_000;
/** No timer of Node's waits longer. */
const LONGEST_MS = 2 ** 31 - 1;

/** A module may throw an error with a `code` of the catalogue; it needs nothing of the agent for that. */
export function foreignCall(adapter: string, { timeoutMs: usualMs = TIMEOUT_MS, stop }: CallLimits = {}): ForeignCall {
  return async (request, signal, work, timeoutMs = usualMs) => {
    const asked = stop === undefined ? signal : AbortSignal.any([signal, stop]);
    asked.throwIfAborted();
    try {
      return await inTime(adapter, request, asked, work, timeoutMs);
    } catch (cause) {
      if (asked.aborted) throw asked.reason;
      if (cause instanceof AgentError) throw cause;
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
      throw foreignFailure(code, { adapter, request }, cause);
    }
  };
}

async function inTime<T>(
  adapter: string,
  request: string,
  asked: AbortSignal,
  work: (signal: AbortSignal) => T | Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const heard = new AbortController();
  // The timer also keeps the process alive: one that waits for nothing but a promise would just end.
  let timer: NodeJS.Timeout | undefined;
  let stopped = (): void => undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        const late = new AgentError("ADAPTER_TIMEOUT", { adapter, request, seconds: timeoutMs / 1000 });
        heard.abort(late);
        reject(late);
      },
      Math.min(timeoutMs, LONGEST_MS),
    );
    stopped = () => {
      heard.abort(asked.reason);
      clearTimeout(timer);
      timer = setTimeout(() => reject(asked.reason), GRACE_MS);
    };
    asked.addEventListener("abort", stopped, { once: true });
  });
  try {
    return await Promise.race([Promise.resolve(work(heard.signal)), overdue]);
  } finally {
    clearTimeout(timer);
    asked.removeEventListener("abort", stopped);
  }
}
