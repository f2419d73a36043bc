import { AgentError } from "../../errors/agent-error.ts";
import type { Finding } from "../../ports/finding.ts";
import type { Lock } from "../../ports/lock.ts";
import type { Store } from "../../ports/store.ts";
import type { Journal } from "../deployment/journal.ts";
import { entryState, placeOf } from "../deployment/snapshot.ts";
import { isLeftBehind } from "../deployment/standalone.ts";
import { isTakenOver } from "../takeover/takeover.ts";

/** Payload type whose update ends with the trial of the boot loader. */
const ROOTFS = "rootfs-image";

/**
 * Whether an update is under way.
 *
 * @param isOnTrial whether the boot loader has an update on trial; `undefined` if it cannot tell
 * @throws {AgentError} STORE_DAMAGED, STORE_NEWER, STORE_READ, SNAPSHOT_INVALID
 */
export async function examinePending(
  journal: Journal,
  isOnTrial: () => Promise<boolean | undefined>,
): Promise<Finding> {
  const subject = "pending update";
  const pending = await journal.load();
  if (pending === undefined) return { level: "good", subject, found: "none" };
  const found = `${pending.artifact.name || "an Artifact of the server"}, at ${placeOf(pending)}`;
  if (pending.mode === "managed") {
    const advice = "Let 'switchback daemon' or 'switchback poll' finish it.";
    return { level: "bad", subject, found: `${found}, a deployment of the server`, advice };
  }
  if (isLeftBehind(pending)) {
    const advice = "Run 'switchback resume' to finish it. The next install does so, too.";
    return { level: "note", subject, found: `${found}, interrupted`, advice };
  }
  const [canCommit, canRollBack] = [entryState("commit", pending), entryState("rollback", pending)];
  if (canCommit !== undefined && pending.artifact.payloadTypes.includes(ROOTFS) && (await isOnTrial()) === false) {
    const advice = "Undo the rest of it with 'switchback rollback' before the next update. A commit would be refused.";
    return { level: "bad", subject, found: `${found}, but the boot loader has returned to the old system`, advice };
  }
  if (canCommit !== undefined) {
    const advice = "Keep it with 'switchback commit' or undo it with 'switchback rollback' before the next update.";
    return { level: "bad", subject, found, advice };
  }
  const orUndo = canRollBack === undefined ? "" : ", or undo it with 'switchback rollback',";
  return {
    level: "bad",
    subject,
    found,
    advice: `Finish it with 'switchback resume'${orUndo} before the next update.`,
  };
}

/** @param clientStore the Mender client's store, if there is one */
export async function examineClient(store: Store, clientStore: string | undefined): Promise<readonly Finding[]> {
  if (clientStore === undefined || isTakenOver(await store.load())) return [];
  const found = `${clientStore} is here, and Switchback has not taken this device over`;
  const advice = "Run 'switchback takeover' to keep the name and the provides that the Mender client has recorded.";
  return [{ level: "note", subject: "Mender client", found, advice }];
}

/** @param lock absent if no agent has ever taken it. @throws {AgentError} LOCK_FAILED */
export async function examineLock(lock: Lock | undefined): Promise<Finding> {
  const subject = "lock";
  try {
    const release = await lock?.acquire();
    await release?.();
    return { level: "good", subject, found: "free" };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "AGENT_BUSY") throw error;
    const advice = "Wait until it ends. Until then, no other process can install an update.";
    return { level: "note", subject, found: "another Switchback process is running on this device", advice };
  }
}
