import { AgentError } from "../../errors/agent-error.ts";
import type { Finding } from "../../ports/finding.ts";
import type { Lock } from "../../ports/lock.ts";
import type { Journal } from "../deployment/journal.ts";
import { placeOf } from "../deployment/snapshot.ts";

/** Whether an update is under way. @throws {AgentError} STORE_DAMAGED, STORE_NEWER, STORE_READ, SNAPSHOT_INVALID */
export async function examinePending(journal: Journal): Promise<Finding> {
  const subject = "pending update";
  const pending = await journal.load();
  if (pending === undefined) return { level: "good", subject, found: "none" };
  const found = `${pending.artifact.name || "one of the server's"}, at ${placeOf(pending)}`;
  const advice = "Keep it with 'switchback commit' or undo it with 'switchback rollback' before the next one.";
  return { level: "bad", subject, found, advice };
}

/** @param lock absent where no agent has ever taken it. @throws {AgentError} LOCK_FAILED */
export async function examineLock(lock: Lock | undefined): Promise<Finding> {
  const subject = "lock";
  try {
    const release = await lock?.acquire();
    await release?.();
    return { level: "good", subject, found: "free" };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "AGENT_BUSY") throw error;
    const advice = "Until it has ended, only it can install an update.";
    return { level: "note", subject, found: "another agent is at work on this device", advice };
  }
}
