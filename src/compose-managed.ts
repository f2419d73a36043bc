import { composeScripts } from "./compose-scripts.ts";
import type { ServerSide } from "./compose-server.ts";
import { composeStore } from "./compose-store.ts";
import { readDeviceType } from "./config/device-type.ts";
import type { ServerConfig } from "./config/server-config.ts";
import { flatProvides, readProvides } from "./core/install/provides.ts";
import { createPoller, type Poller } from "./core/poller/poller.ts";
import type { Intervals, Schedule } from "./core/poller/schedule.ts";
import type { Work } from "./core/poller/work.ts";
import { type DeviceProvidesAll, nextDeployment } from "./core/server/deployments.ts";
import type { Session } from "./core/server/session.ts";
import type { Store } from "./ports/store.ts";

/**
 * What asks the server, and knows when. All of it is resident in a daemon; the `work` need not be.
 *
 * @param session reads anew at each call what `work` has left
 */
export function composePoller(
  server: ServerSide,
  session: Session,
  work: Omit<Work, "authorize">,
  start: Schedule,
): Poller {
  const { machine, config, paths, log } = server;
  const store = composeStore(paths, log, machine);
  let isPrepared = false;
  return createPoller(
    {
      clock: machine.clock,
      scripts: composeScripts(config, paths, log, machine),
      log,
      intervals: intervalsOf(config.server),
      random: Math.random,
      async pending(signal) {
        session.reload();
        if (isPrepared && !(await store.load()).has("state")) return "none";
        const found = await work.pending(!isPrepared, signal);
        isPrepared = true;
        session.reload();
        return found;
      },
      sendInventory: (signal) => work.sendInventory(signal),
      isInventorySent: async () => (await session.state()).inventoryHash !== undefined,
      nextDeployment: async (signal) => nextDeployment(session, await allProvides(store, server), signal),
      deploy: (deployment, signal) => work.deploy(deployment, signal),
    },
    start,
  );
}

/** @throws {AgentError} DEVICE_TYPE_FILE, STORE_READ, STORE_DAMAGED, STORE_NEWER */
export async function allProvides(store: Store, { deviceTypeFile }: ServerSide): Promise<DeviceProvidesAll> {
  return {
    artifact_name: "unknown",
    ...flatProvides(readProvides(await store.load())),
    device_type: await readDeviceType(deviceTypeFile),
  };
}

export const intervalsOf = (config: ServerConfig): Intervals => ({
  intervalMs: { inventory: config.inventoryPollSeconds * 1000, deployments: config.updatePollSeconds * 1000 },
  backoff: { maxIntervalMs: config.retryPollSeconds * 1000, count: config.retryPollCount },
});
