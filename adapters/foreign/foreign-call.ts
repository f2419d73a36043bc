import { AgentError } from "../../src/errors/agent-error.ts";
import { foreignFailure } from "./foreign-failure.ts";

export interface CallLimits {
  /** Limit for every call without an explicit one. Default: 60 seconds. */
  readonly timeoutMs?: number;
  /** Stops every call, in addition to the call's own signal. */
  readonly stop?: AbortSignal;
}

/**
 * Calls a function of a module and waits at most `timeoutMs`. It abandons a promise that never settles.
 *
 * @param work receives a signal that also aborts at the time limit
 * @throws {AgentError} ADAPTER_TIMEOUT, ADAPTER_FAILED or the code that the module names; the signal's reason
 */
export type ForeignCall = <T>(
  request: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => T | Promise<T>,
  timeoutMs?: number,
) => Promise<T>;

/** The same limit as for adapter programs. */
const TIMEOUT_MS = 60_000;
/** Time for a stopped call to end cleanly: it may be in the middle of a write. */
const GRACE_MS = 2_000;
/** The longest delay that Node's timers support. */
const LONGEST_MS = 2 ** 31 - 1;

/** A module may throw an error whose `code` is in the agent's catalogue, without importing anything from the agent. */
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
  // The timer also keeps the process alive: Node exits when only a promise is pending.
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
