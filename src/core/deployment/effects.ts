import { AgentError } from "../../errors/agent-error.ts";
import type { ModuleAction, PayloadContext, PayloadHandler, PayloadStream } from "../../ports/payload-handler.ts";
import type { Power } from "../../ports/power.ts";
import type { Store } from "../../ports/store.ts";
import type { ScriptRunner } from "../scripts/runner.ts";
import type { Effect, EffectResult, Effects, Keep } from "./driver-parts.ts";
import { type HandlerFor, handlersOf, supportRollback } from "./handlers.ts";
import { providesAfter } from "./provides-after.ts";
import type { ServerEffects } from "./server-effects.ts";
import type { ArtifactRecord, Snapshot } from "./snapshot.ts";

export interface EffectPorts {
  readonly store: Store;
  readonly power: Power;
  readonly handlerFor: HandlerFor;
  readonly scripts: Pick<ScriptRunner, "checkRootfsVersion">;
  /**
   * Opens the payloads of the update's Artifact. The header is verified and the state scripts are in place.
   *
   * @throws {AgentError} the codes of a damaged Artifact, or of one that is not for this device
   */
  openPayloads(s: Snapshot, signal: AbortSignal, keep: Keep): Promise<OpenedPayloads>;
  /** Absent: the agent runs only standalone updates. */
  readonly server?: ServerEffects;
}

export interface OpenedPayload {
  readonly stream: PayloadStream;
  readonly context: PayloadContext;
}

/** The payloads of an opened Artifact. `finish` verifies the rest of it. */
export interface OpenedPayloads {
  /** The header's content, unless the snapshot already has it. */
  readonly artifact?: ArtifactRecord;
  /**
   * The next payload; the caller must first read the previous one. @throws {AgentError} the codes of a damaged Artifact
   */
  next(): Promise<OpenedPayload | undefined>;
  /** Reads what follows the payloads. @throws {AgentError} if the Artifact holds more than it may */
  finish(): Promise<void>;
  /** The caller must call it last, even after a failure. Absent if the code that opened the Artifact closes it. */
  close?(): Promise<void>;
}

const OK: EffectResult = { outcome: "ok" };
const NO: EffectResult = { outcome: "no" };

/**
 * The effects of the table on real ports. Each one calls its port and returns the answer. Where a standalone update
 * differs from a managed one (the user reboots and decides), the effect of a question returns another answer.
 *
 * Several payloads act one after the other in the Artifact's order, and roll back in reverse order. During a rollback
 * or cleanup, a failure of one payload does not stop the others.
 */
export function createEffects(ports: EffectPorts): Effects {
  const handlers = (s: Snapshot): readonly PayloadHandler[] => handlersOf(s, ports.handlerFor);
  const act =
    (action: ModuleAction): Effect =>
    async (s, signal) => {
      for (const handler of handlers(s)) await handler.act(action, signal);
      return OK;
    };
  const commit = act("ArtifactCommit");
  const actAll =
    (action: ModuleAction, order: Ordering): Effect =>
    async (s, signal) => {
      await eachOfAll(order(handlers(s)), (handler) => handler.act(action, signal), signal);
      return OK;
    };
  const reboot =
    (action: ModuleAction, order: Ordering): Effect =>
    async (s, signal) => {
      let isAutomatic = false;
      for (const handler of order(handlers(s))) {
        const need = await handler.needsReboot(signal);
        if (need === "Yes") await handler.act(action, signal);
        isAutomatic ||= need === "Automatic";
      }
      // A module that answers Yes reboots by itself: the device, and then this call does not return, or an attached
      // unit.
      return isAutomatic ? await ports.power.reboot(await rebootArgument(handlers(s), signal), signal) : OK;
    };

  return {
    async download(s, signal, keep) {
      await ports.store.reserve();
      const payloads = await ports.openPayloads(s, signal, keep);
      try {
        const { artifact = s.artifact } = payloads;
        // Save the record before a handler prepares: from then on, its Cleanup must run.
        if (payloads.artifact !== undefined) await keep({ artifact });
        // Reserve again: the Artifact's record may be larger than everything that the store has held so far.
        await ports.store.reserve();
        for (const [index, type] of artifact.payloadTypes.entries()) {
          const payload = await payloads.next();
          if (type === null || payload === undefined) continue;
          const handler = ports.handlerFor(type, index);
          await handler.prepare?.(payload.context, signal);
          await handler.download(payload.stream, signal);
        }
        await payloads.finish();
        return handlers({ ...s, artifact }).length === 0 ? NO : OK;
      } finally {
        await payloads.close?.();
      }
    },
    install: act("ArtifactInstall"),
    async askReboot(s, signal) {
      const all = required(handlers(s));
      const rebootRequired = await needReboot(all, signal);
      if (s.mode === "managed") return rebootRequired ? OK : NO;
      const undoable = await countUndoable(all, signal);
      if (undoable === 0) return { outcome: "no", rebootRequired };
      // If one module cannot roll back, an image beside it still must not be committed before the reboot into it.
      return { outcome: "hold", rebootRequired, ...(undoable < all.length && { noWayBack: true }) };
    },
    reboot: reboot("ArtifactReboot", FORWARD),
    verifyReboot: act("ArtifactVerifyReboot"),
    async commit(s, signal, keep) {
      await ports.scripts.checkRootfsVersion();
      return await commit(s, signal, keep);
    },
    // Only the state's scripts remain.
    commitLeave: async () => OK,
    async askRollback(s, signal) {
      return (await supportRollback(required(handlers(s)), signal)) ? OK : NO;
    },
    rollback: actAll("ArtifactRollback", BACKWARD),
    async askRollbackReboot(s, signal) {
      const all = required(handlers(s));
      if (s.mode === "standalone") return { outcome: "no", rebootRequired: await mayNeedReboot(all, signal) };
      return (await needReboot(all, signal)) ? OK : NO;
    },
    rollbackReboot: reboot("ArtifactRollbackReboot", BACKWARD),
    verifyRollbackReboot: actAll("ArtifactVerifyRollbackReboot", BACKWARD),
    failure: actAll("ArtifactFailure", FORWARD),
    async saveProvides(s) {
      return { outcome: "ok", changes: providesAfter(s, await ports.store.load()) };
    },
    cleanup: actAll("Cleanup", FORWARD),
    ...(ports.server ?? NO_SERVER),
  };
}

/** There is only one boot loader, so the first argument found is the right one. */
async function rebootArgument(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<string | undefined> {
  for (const handler of handlers) {
    const argument = await handler.rebootArgument?.(signal);
    if (argument !== undefined) return argument;
  }
  return undefined;
}

const unmanaged: Effect = async () => {
  throw new TypeError("this agent was built without a server");
};
/** The reducer never leads a standalone update to these effects. */
const NO_SERVER: ServerEffects = { reachServer: unmanaged, reportResult: unmanaged, sendLog: unmanaged };

type Ordering = (handlers: readonly PayloadHandler[]) => readonly PayloadHandler[];
const FORWARD: Ordering = (handlers) => handlers;
const BACKWARD: Ordering = (handlers) => handlers.toReversed();

/** @throws {AgentError} the first failure, after every handler has been called */
async function eachOfAll(
  handlers: readonly PayloadHandler[],
  work: (handler: PayloadHandler) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const failures: AgentError[] = [];
  for (const handler of handlers) {
    try {
      await work(handler);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      failures.push(error);
    }
  }
  if (failures[0] !== undefined) throw failures[0];
}

/** Asks every handler, so that a failure to answer always counts. */
async function needReboot(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<boolean> {
  let isNeeded = false;
  for (const handler of handlers) isNeeded = (await handler.needsReboot(signal)) !== "No" || isNeeded;
  return isNeeded;
}

async function countUndoable(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<number> {
  let count = 0;
  for (const handler of handlers) if (await handler.supportsRollback(signal)) count++;
  return count;
}

/** For the user, who reboots: a handler that fails to answer counts as yes and does not stop the rollback. */
async function mayNeedReboot(handlers: readonly PayloadHandler[], signal: AbortSignal): Promise<boolean> {
  try {
    return await needReboot(handlers, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    return true;
  }
}

function required(handlers: readonly PayloadHandler[]): readonly PayloadHandler[] {
  if (handlers.length === 0) throw new AgentError("PAYLOAD_UNSUPPORTED", { type: "null" });
  return handlers;
}
