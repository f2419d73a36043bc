import type { PayloadHandler } from "../../ports/payload-handler.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * The handler of the payload with that index in the Artifact, counted from 0. The same one each time in one process.
 *
 * @throws {AgentError} PAYLOAD_UNSUPPORTED when nothing on this device installs that type
 */
export type HandlerFor = (payloadType: string, index: number) => PayloadHandler;

/** Handlers of the payloads that there is something to install of, in the Artifact's order. */
export const handlersOf = (s: Snapshot, handlerFor: HandlerFor): readonly PayloadHandler[] =>
  s.artifact.payloadTypes.flatMap((type, index) => (type === null ? [] : handlerFor(type, index)));

/** Whether what the handlers have done can be undone: only when each of them says so. */
export async function supportRollback(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<boolean> {
  for (const handler of handlers) if (!(await handler.supportsRollback(signal))) return false;
  return true;
}
