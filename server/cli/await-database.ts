import { setTimeout as sleep } from "node:timers/promises";
import { checkDatabase } from "../adapters/postgres/fitness.ts";
import { ServerError } from "../errors/server-error.ts";
import type { ServerIo } from "./io.ts";

const POLL_MS = 500;
const SAY_EVERY_MS = 30_000;

/**
 * Waits until a database that somebody else runs takes connections: after a power cut, machines come up in any order.
 *
 * @returns false if `signal` came first
 * @throws {ServerError} DATABASE_REFUSED
 */
export async function awaitDatabase(url: string, io: ServerIo, signal: AbortSignal): Promise<boolean> {
  let said = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await checkDatabase(url);
      return true;
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== "DATABASE_AWAY") throw error;
      if (performance.now() - said >= SAY_EVERY_MS) {
        io.err(`The database cannot be reached yet, and the server waits for it: ${reasonOf(error.extras.cause)}`);
        said = performance.now();
      }
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined); // ignored: it ends the wait.
  }
  return false;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}
