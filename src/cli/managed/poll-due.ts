import type { CliIo } from "../../agent/io.ts";
import { bootClock, bootId, peekServerState } from "../../agent/managed/schedule.ts";
import { composeStore } from "../../agent/store.ts";
import type { Paths } from "../../config/paths.ts";
import { firstDue, savedSchedule } from "../../core/poller/schedule.ts";
import { loadServerState } from "../../core/server/state.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { Logger } from "../../util/logger.ts";

/** Looks without a lock, and without loading the code that polls: most runs of a timer end here. */
export async function isNothingDue(paths: Paths, io: CliIo): Promise<boolean> {
  // The store reports only once that it moved a damaged file aside, and this is the first command to load it.
  const log: Logger = (level, line) => level === "error" && io.err(`error: ${line}`);
  try {
    const [{ due }, stored, boot] = await Promise.all([
      loadServerState(peekServerState(paths, io.host), () => undefined),
      composeStore(paths, log, io.host).load(),
      bootId(),
    ]);
    const nowMs = bootClock.monotonicMs();
    return !stored.has("state") && firstDue(savedSchedule(due, boot, nowMs), nowMs).atMs > nowMs;
  } catch (error) {
    // ignored: the poll recreates what the agent can do without, and reports the rest.
    if (error instanceof AgentError) return false;
    throw error;
  }
}
