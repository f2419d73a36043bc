import { join } from "node:path";
import { diskReads } from "../../../adapters/files/disk.ts";
import { createDeferredReboot } from "../../../adapters/power/deferred-reboot.ts";
import type { ManagedAnswer } from "../../core/deployment/managed.ts";
import type { Pending, Work } from "../../core/poller/work.ts";
import { sendInventory, sendTrouble } from "../../core/server/inventory.ts";
import type { Session } from "../../core/server/session.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Power } from "../../ports/power.ts";
import type { Store } from "../../ports/store.ts";
import type { NextDeployment } from "../../protocol/device-api.ts";
import { VERSION } from "../../version.ts";
import { composeStore, ORIGIN_KEY } from "../store.ts";
import { allProvides, intervalsOf } from "./managed.ts";
import type { ServerSide } from "./server.ts";

export interface WorkOptions {
  /** Runs work on the device while holding its lock. @throws {AgentError} AGENT_BUSY */
  alone(work: () => Promise<void>): Promise<void>;
  /** Whether this process must leave the reboot to its caller. */
  readonly leavesReboot: boolean;
  /** Stops the work, because the device needs a reboot that the agent must leave to others. */
  leave(argument: string | undefined): void;
  /** Called with the result of a deployment when it ends. */
  onEnd?(answer: ManagedAnswer): void;
}

/** Does the work of managed mode in this process. Loads the installing code only when there is something to install. */
export function composeWork(server: ServerSide, session: Session, options: WorkOptions): Work {
  const { host, config, paths, log } = server;
  const store = composeStore(paths, log, host);
  const inventory = {
    process: host.process(),
    reads: diskReads,
    log,
    folder: join(paths.dataDir, "inventory"),
    builtIn: async () => ({ ...(await allProvides(await store.load(), server)), mender_client_version: VERSION }),
  };

  /** Runs at each start, before any new deployment. A failure must not keep the device from its server. */
  async function finishUndo(signal: AbortSignal): Promise<void> {
    const { composeDevice } = await import("../device/device.ts");
    try {
      await composeDevice(server).finishUndo(signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      log("error", describeError(error));
    }
  }

  async function prepare(signal: AbortSignal): Promise<void> {
    const { seedProvides } = await import("../../core/install/seed.ts");
    const { runsOnTrial } = await import("../device/trial.ts");
    await options.alone(async () => {
      if ((await store.load()).has(ORIGIN_KEY)) await finishUndo(signal);
      await seedProvides(store, paths, log, () => runsOnTrial({ config, host, log }), host.files, diskReads);
      await server.ensureKey();
    });
  }

  /**
   * Whether a trial runs although no update is pending: its record was lost, and only a restart can end it. A rollback
   * that could not be written has its record, and is tried again.
   */
  async function isTrialLeft(): Promise<boolean> {
    if ((await store.load()).has(ORIGIN_KEY)) return false;
    const { runsOnTrial } = await import("../device/trial.ts");
    return (await pendingIn(store)) === "none" && (await runsOnTrial({ config, host, log }));
  }

  async function power(): Promise<Power> {
    // The user of a virtual board switches it off and on. A reboot would restart the machine that it is tried on.
    if (options.leavesReboot || config.virtualBoard !== undefined) return createDeferredReboot(options.leave);
    const { createSystemPower } = await import("../../../adapters/power/system-power.ts");
    return createSystemPower({ process: host.process(), clock: host.clock });
  }

  return {
    async pending(prepares, signal) {
      const found = await pendingIn(store);
      // A failed preparation must not keep an update from finishing.
      if (prepares && found !== "managed") await prepare(signal);
      return found;
    },
    authorize: (signal) => server.authorize(signal),
    sendInventory: (signal) => sendInventory(inventory, session, signal),
    sendTrouble: (trouble, signal) => sendTrouble(trouble, session, signal),
    async deploy(offered, signal, lost) {
      const { composeDeployment } = await import("./deployment.ts");
      const switches = await power();
      const managed = composeDeployment(server, session, switches, intervalsOf(config.server).backoff);
      await options.alone(async () => {
        const answer = await (offered === undefined
          ? managed.resume(signal, lost)
          : managed.run(wanted(offered), signal));
        options.onEnd?.(answer);
        if (answer.kind === "ended" && answer.status === "failure" && (await isTrialLeft())) {
          log(
            "warning",
            "The update on trial has no record and cannot be committed: restarting, so that the boot loader returns to the old system.",
          );
          await switches.reboot(undefined, signal);
        }
      });
    },
  };
}

/** Loads the code that reads the state of an update only if there is an update. */
async function pendingIn(store: Store): Promise<Pending> {
  if (!(await store.load()).has("state")) return "none";
  const { createJournal } = await import("../../core/deployment/journal.ts");
  const found = await createJournal(store).recover();
  // Nobody can decide about an update whose state is invalid, so the daemon must end it without waiting.
  return found?.invalid === undefined ? (found?.snapshot.mode ?? "none") : "managed";
}

const wanted = ({ id, artifact: { source, artifact_name } }: NextDeployment) => ({
  id,
  uri: source.uri,
  ...(artifact_name !== undefined && artifact_name !== "" && { artifactName: artifact_name }),
});
