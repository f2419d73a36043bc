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
   * The payloads of the update's Artifact, whose header has been verified. Its scripts are in their place.
   *
   * @throws {AgentError} also when the Artifact is not for this device
   */
  openPayloads(s: Snapshot, signal: AbortSignal, keep: Keep): Promise<OpenedPayloads>;
  /** Absent: only standalone updates are run. */
  readonly server?: ServerEffects;
}

export interface OpenedPayload {
  readonly stream: PayloadStream;
  readonly context: PayloadContext;
}

/** The payloads of an opened Artifact; checked to the very end by `finish`. */
export interface OpenedPayloads {
  /** What the header says, where it is not in the snapshot yet. */
  readonly artifact?: ArtifactRecord;
  /** The next one, after the one before has been read. @throws {AgentError} of a damaged Artifact */
  next(): Promise<OpenedPayload | undefined>;
  /** Reads what follows the payloads. @throws {AgentError} when anything does that must not */
  finish(): Promise<void>;
  /** Comes last, whatever has happened. Absent where whoever opened the Artifact closes it. */
  close?(): Promise<void>;
}

const OK: EffectResult = { outcome: "ok" };
const NO: EffectResult = { outcome: "no" };

/**
 * The effects of the table on real ports. Each one names its port and passes on what it answers; where a
 * standalone update differs from a managed one (the user reboots, and decides), the question's answer does.
 *
 * Several payloads act one after the other in the Artifact's order, and are rolled back in the reverse one. What is
 * on its way back, or out, goes on with the others when one fails.
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
      // A module that answers Yes reboots what has to be rebooted: the device, and then it does not come back here, or
      // something that hangs on it.
      return isAutomatic ? await ports.power.reboot(await rebootArgument(handlers(s), signal), signal) : OK;
    };

  return {
    async download(s, signal, keep) {
      await ports.store.reserve();
      const payloads = await ports.openPayloads(s, signal, keep);
      try {
        const { artifact = s.artifact } = payloads;
        // Kept before a handler prepares: from there on its Cleanup has to run.
        if (payloads.artifact !== undefined) await keep({ artifact });
        // Once more, because the Artifact's record may be larger than all that the store has held so far.
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
      // An image beside a module that cannot go back is not committed before the reboot into it, either.
      return { outcome: "hold", rebootRequired, ...(undoable < all.length && { noWayBack: true }) };
    },
    reboot: reboot("ArtifactReboot", FORWARD),
    verifyReboot: act("ArtifactVerifyReboot"),
    async commit(s, signal, keep) {
      await ports.scripts.checkRootfsVersion();
      return await commit(s, signal, keep);
    },
    // What is left of the state are its scripts.
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

/** There is one boot loader: whoever knows of an argument knows the right one. */
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
/** The reducer leads no standalone update to them. */
const NO_SERVER: ServerEffects = { reachServer: unmanaged, reportResult: unmanaged, sendLog: unmanaged };

type Ordering = (handlers: readonly PayloadHandler[]) => readonly PayloadHandler[];
const FORWARD: Ordering = (handlers) => handlers;
const BACKWARD: Ordering = (handlers) => handlers.toReversed();

/** @throws {AgentError} the first failure, after all have been tried */
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

/** Every one is asked: an answer that cannot be had is a failure, whatever the others say. */
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

/** For a user, who reboots: a handler that cannot say counts as a yes, and stops no rollback. */
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
