import { bootClock, bootId, composeServerMemo } from "../compose-schedule.ts";
import { composeStore } from "../compose-store.ts";
import type { Paths } from "../config/paths.ts";
import { firstDue, savedSchedule } from "../core/poller/schedule.ts";
import { loadServerState } from "../core/server/state.ts";
import type { CliIo } from "./io.ts";

/** Looks without a lock, and without loading what polls: most runs of a timer end here. */
export async function isNothingDue(paths: Paths, { machine }: CliIo): Promise<boolean> {
  const quiet = (): void => undefined;
  const [{ due }, stored, boot] = await Promise.all([
    loadServerState(composeServerMemo(paths, machine), quiet),
    composeStore(paths, quiet, machine).load(),
    bootId(),
  ]);
  const nowMs = bootClock.monotonicMs();
  return !stored.has("state") && firstDue(savedSchedule(due, boot, nowMs), nowMs).atMs > nowMs;
}
