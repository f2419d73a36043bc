import { AgentError } from "../../src/errors/agent-error.ts";
import { foreignFailure } from "./foreign-failure.ts";

/** Calls a function of a module. @throws {AgentError} ADAPTER_FAILED or the code that it names; the signal's reason */
export type ForeignCall = <T>(request: string, signal: AbortSignal, work: () => T | Promise<T>) => Promise<T>;

/** A module may throw an error with a `code` of the catalogue; it needs nothing of the agent for that. */
export function foreignCall(adapter: string): ForeignCall {
  return async (request, signal, work) => {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof AgentError) throw cause;
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
      throw foreignFailure(code, { adapter, request }, cause);
    }
  };
}
