import { AgentError } from "../../errors/agent-error.ts";
import type { ModuleAction, PayloadHandler, PayloadStream } from "../../ports/payload-handler.ts";
import type { Power } from "../../ports/power.ts";
import type { Store } from "../../ports/store.ts";
import type { Effect, EffectResult, Effects } from "./driver.ts";
import { recordOf } from "./record.ts";
import type { Snapshot } from "./snapshot.ts";

export interface EffectPorts {
  readonly store: Store;
  readonly power: Power;
  /** @throws {AgentError} PAYLOAD_UNSUPPORTED when nothing on this device installs that type */
  handlerFor(payloadType: string): PayloadHandler;
  /** The payload of the Artifact whose header is in the snapshot; checked to its very end by `finish`. */
  openPayload(snapshot: Snapshot, signal: AbortSignal): Promise<OpenedPayload>;
}

export interface OpenedPayload {
  readonly stream: PayloadStream;
  /** Reads what follows the payload. @throws {AgentError} when anything does that must not */
  finish(): Promise<void>;
}

const OK: EffectResult = { outcome: "ok" };
const NO: EffectResult = { outcome: "no" };

/**
 * The effects of the table on real ports. Each one names its port and passes on what it answers; where a
 * standalone update differs from a managed one (the user reboots, and decides), the question's answer does.
 */
export function createEffects(ports: EffectPorts): Effects {
  const handlerOf = (s: Snapshot): PayloadHandler | undefined => {
    const type = s.artifact.payloadTypes[0];
    return type === undefined || type === null ? undefined : ports.handlerFor(type);
  };
  const act =
    (action: ModuleAction): Effect =>
    async (s, signal) => {
      await handlerOf(s)?.act(action, signal);
      return OK;
    };
  const reboot =
    (action: ModuleAction): Effect =>
    async (s, signal) => {
      const handler = handlerOf(s);
      if ((await handler?.needsReboot(signal)) === "Yes") await handler?.act(action, signal);
      return await ports.power.reboot(signal);
    };

  return {
    async streamPayload(s, signal) {
      const handler = handlerOf(s);
      const payload = await ports.openPayload(s, signal);
      if (handler !== undefined) await handler.download(payload.stream, signal);
      await payload.finish();
      return handler === undefined ? NO : OK;
    },
    installPayload: act("ArtifactInstall"),
    async needsReboot(s, signal) {
      const handler = required(handlerOf(s));
      const rebootRequired = (await handler.needsReboot(signal)) !== "No";
      if (s.mode === "managed") return rebootRequired ? OK : NO;
      return { outcome: (await handler.supportsRollback(signal)) ? "hold" : "no", rebootRequired };
    },
    reboot: reboot("ArtifactReboot"),
    verifyReboot: act("ArtifactVerifyReboot"),
    commitPayload: act("ArtifactCommit"),
    async supportsRollback(s, signal) {
      return (await required(handlerOf(s)).supportsRollback(signal)) ? OK : NO;
    },
    rollbackPayload: act("ArtifactRollback"),
    async needsRollbackReboot(s, signal) {
      const handler = required(handlerOf(s));
      if (s.mode === "standalone") return { outcome: "no", rebootRequired: await mayNeedReboot(handler, signal) };
      return (await handler.needsReboot(signal)) === "No" ? NO : OK;
    },
    rollbackReboot: reboot("ArtifactRollbackReboot"),
    verifyRollbackReboot: act("ArtifactVerifyRollbackReboot"),
    reportFailure: act("ArtifactFailure"),
    async saveProvides(s) {
      return { outcome: "ok", changes: recordOf(s, await ports.store.load()) };
    },
    cleanUp: act("Cleanup"),
  };
}

/** For a user, who reboots: a handler that cannot say counts as a yes, and stops no rollback. */
async function mayNeedReboot(handler: PayloadHandler, signal: AbortSignal): Promise<boolean> {
  try {
    return (await handler.needsReboot(signal)) !== "No";
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    return true;
  }
}

function required(handler: PayloadHandler | undefined): PayloadHandler {
  if (handler === undefined) throw new AgentError("PAYLOAD_UNSUPPORTED", { type: "null" });
  return handler;
}
