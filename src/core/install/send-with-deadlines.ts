import { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../ports/transport.ts";
import { createLimit } from "./limit.ts";
import { type MinimumRate, ThroughputMonitor } from "./rate.ts";

export interface HoldParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly slowest: MinimumRate;
}

/**
 * Limit from the connection to the end of the response head, redirects included: a slow server must not block the
 * agent.
 */
const HEAD_TIMEOUT_MS = 300_000;

/**
 * Sends a request with a deadline for the response and a minimum rate for its body.
 *
 * @param url the URL for error messages, without secrets
 * @throws {AgentError} TRANSPORT_FAILED, also from reading the body
 */
export async function sendWithDeadlines(
  request: TransportRequest,
  { transport, clock, slowest }: HoldParts,
  url: string,
  signal: AbortSignal,
): Promise<TransportResponse> {
  const late = (detail: AgentError["detail"]): AgentError => new AgentError("TRANSPORT_FAILED", { url, ...detail });
  const limit = createLimit(clock, signal);
  limit.begin(HEAD_TIMEOUT_MS, () => late({ reason: "no answer", seconds: HEAD_TIMEOUT_MS / 1000 }));
  const orEnd = async <T>(act: Promise<T>): Promise<T> => {
    try {
      return await act;
    } catch (error) {
      limit.end();
      throw error;
    }
  };
  const response = await orEnd(transport.send(request, limit.signal));
  const monitor = new ThroughputMonitor(clock, slowest);
  limit.begin(slowest.overMs, () => {
    const bytesPerSecond = monitor.tooSlow();
    return bytesPerSecond === undefined ? undefined : late({ reason: "too slow", bytesPerSecond });
  });
  const chunks = response.body[Symbol.asyncIterator]();
  const body: AsyncIterator<Uint8Array> = {
    async next() {
      const result = await orEnd(monitor.next(chunks));
      if (result.done === true) limit.end();
      return result;
    },
    async return() {
      limit.end();
      return (await chunks.return?.()) ?? { done: true, value: undefined };
    },
  };
  return { ...response, body: { [Symbol.asyncIterator]: () => body } };
}
