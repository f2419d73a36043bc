import type { PayloadHandler } from "../../ports/payload-handler.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Returns the handler of the payload with that index in the Artifact, counted from 0. Within one process it returns the
 * same handler each time.
 *
 * @throws {AgentError} PAYLOAD_UNSUPPORTED if this device has no handler for the type
 */
export type HandlerFor = (payloadType: string, index: number) => PayloadHandler;

/** Handlers of the payloads that have content, in the Artifact's order. */
export const handlersOf = (s: Snapshot, handlerFor: HandlerFor): readonly PayloadHandler[] =>
  s.artifact.payloadTypes.flatMap((type, index) => (type === null ? [] : handlerFor(type, index)));

/** Whether the update can be undone: every handler must support rollback. */
export async function supportRollback(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<boolean> {
  for (const handler of handlers) if (!(await handler.supportsRollback(signal))) return false;
  return true;
}
