import { join } from "node:path";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { createLeftPower } from "../adapters/power/left-power.ts";
import { VERSION } from "./cli/version.ts";
import { bootClock } from "./compose-schedule.ts";
import { composeScripts } from "./compose-scripts.ts";
import type { ServerSide } from "./compose-server.ts";
import { composeStore } from "./compose-store.ts";
import { readDeviceType } from "./config/device-type.ts";
import type { ServerConfig } from "./config/server-config.ts";
import type { ManagedAnswer } from "./core/deployment/managed.ts";
import { flatProvides, readProvides } from "./core/install/provides.ts";
import { createPoller, type Pending, type Poller, type PollerParts } from "./core/poller/poller.ts";
import type { Intervals, Schedule } from "./core/poller/schedule.ts";
import { type DeviceProvidesAll, nextDeployment } from "./core/server/deployments.ts";
import { sendInventory } from "./core/server/inventory.ts";
import type { Session } from "./core/server/session.ts";
import type { Power } from "./ports/power.ts";
import type { Store } from "./ports/store.ts";
import type { NextDeployment } from "./protocol/device-api.ts";

export interface ManagedOptions {
  /** Runs what works on the device under its lock. @throws {AgentError} AGENT_BUSY */
  alone(work: () => Promise<void>): Promise<void>;
  /** This process does not reboot the device itself. */
  readonly leavesReboot: boolean;
  /** The device has to be rebooted by somebody else: ends what runs. */
  leave(argument: string | undefined): void;
  /** Hears how a deployment has ended. */
  onEnd(answer: ManagedAnswer): void;
}

export interface ManagedAgent {
  readonly session: Session;
  poller(start: Schedule): Poller;
}

/**
 * The agent of managed mode: what it needs between polls. What installs is loaded when there is something to install,
 * and anew for each deployment.
 *
 * @throws {AgentError} SERVER_NOT_CONFIGURED, SERVER_PLAIN_HTTP, CONFIG_INVALID
 */
export async function composeManaged(server: ServerSide, options: ManagedOptions): Promise<ManagedAgent> {
  const { machine, config, paths, log, deviceTypeFile } = server;
  const session = await server.session();
  const store = composeStore(paths, log, machine);
  const intervals = intervalsOf(config.server);
  const provides = async (): Promise<DeviceProvidesAll> => ({
    artifact_name: "unknown",
    ...flatProvides(readProvides(await store.load())),
    device_type: await readDeviceType(deviceTypeFile),
  });
  const inventory = {
    process: machine.process(),
    log,
    folder: join(paths.dataDir, "inventory"),
    builtIn: async () => ({ ...(await provides()), mender_client_version: VERSION }),
  };

  let isPrepared = false;
  async function prepare(): Promise<void> {
    session.reload();
    if (isPrepared) return;
    const { seedProvides } = await import("./core/install/seed.ts");
    await options.alone(async () => {
      await seedProvides(store, paths, log, machine.files);
      await server.ensureKey();
    });
    isPrepared = true;
  }

  async function power(): Promise<Power> {
    // A virtual board is switched off and on by whoever holds it, and is not the machine that it is tried on.
    if (options.leavesReboot || config.switchback.bootloader === "fake") return createLeftPower(options.leave);
    const { createSystemPower } = await import("../adapters/power/system-power.ts");
    return createSystemPower({ process: machine.process(), clock: systemClock });
  }

  const parts: PollerParts = {
    clock: bootClock,
    scripts: composeScripts(config, paths, log, machine),
    log,
    intervals,
    random: Math.random,
    async pending() {
      await prepare();
      return await pendingIn(store);
    },
    sendInventory: (signal) => sendInventory(inventory, session, signal),
    isInventorySent: async () => (await session.state()).inventoryHash !== undefined,
    nextDeployment: async (signal) => nextDeployment(session, await provides(), signal),
    async deploy(offered, signal) {
      const { composeDeployment } = await import("./compose-deployment.ts");
      const managed = composeDeployment(server, session, await power(), intervals.backoff);
      await options.alone(async () => {
        const answer = await (offered === undefined ? managed.resume(signal) : managed.run(wanted(offered), signal));
        options.onEnd(answer);
      });
    },
  };
  return { session, poller: (start) => createPoller(parts, start) };
}

/** An update that is pending is looked at only where there is one. */
async function pendingIn(store: Store): Promise<Pending> {
  if (!(await store.load()).has("state")) return "none";
  const { createJournal } = await import("./core/deployment/journal.ts");
  const found = await createJournal(store).recover();
  // Nobody can decide on an update that cannot be understood, so it waits for nobody.
  return found?.invalid === undefined ? (found?.snapshot.mode ?? "none") : "managed";
}

const wanted = ({ id, artifact: { source, artifact_name } }: NextDeployment) => ({
  id,
  uri: source.uri,
  ...(artifact_name !== undefined && artifact_name !== "" && { artifactName: artifact_name }),
});

const intervalsOf = (config: ServerConfig): Intervals => ({
  intervalMs: { inventory: config.inventoryPollSeconds * 1000, deployments: config.updatePollSeconds * 1000 },
  backoff: { maxIntervalMs: config.retryPollSeconds * 1000, count: config.retryPollCount },
});
