import { readDeviceType } from "../../config/device-type.ts";
import type { ServerConfig } from "../../config/server-config.ts";
import { flatProvides, readProvides } from "../../core/install/provides.ts";
import { createPoller, type Poller } from "../../core/poller/poller.ts";
import type { Intervals, Schedule } from "../../core/poller/schedule.ts";
import type { Work } from "../../core/poller/work.ts";
import { type DeviceProvidesAll, nextDeployment } from "../../core/server/deployments.ts";
import type { Session } from "../../core/server/session.ts";
import { composeScripts } from "../device/scripts.ts";
import { composeStore } from "../store.ts";
import type { ServerSide } from "./server.ts";

/**
 * Composes the poller, which asks the server on schedule. A daemon keeps all of it in memory, but may do the `work` in
 * another process.
 *
 * @param session reloads its state after each piece of `work`
 */
export function composePoller(
  server: ServerSide,
  session: Session,
  work: Omit<Work, "authorize">,
  start: Schedule,
): Poller {
  const { host, config, paths, log } = server;
  const store = composeStore(paths, log, host);
  let isPrepared = false;
  // Read once, at the beginning of a poll.
  let stored: ReadonlyMap<string, string> = new Map();

  /** Reloads the session afterwards. Only one process at a time speaks for a device, so no other changes its state. */
  async function working<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      session.reload();
    }
  }

  return createPoller(
    {
      clock: host.clock,
      scripts: composeScripts(server),
      log,
      intervals: intervalsOf(config.server),
      random: Math.random,
      async pending(signal) {
        stored = await store.load();
        if (isPrepared && !stored.has("state")) return "none";
        const found = await working(work.pending(!isPrepared, signal));
        isPrepared = found !== "managed";
        stored = await store.load();
        return found;
      },
      sendInventory: (signal) => working(work.sendInventory(signal)),
      sendTrouble: (trouble, signal) => working(work.sendTrouble(trouble, signal)),
      isInventorySent: async () => (await session.state()).inventoryHash !== undefined,
      nextDeployment: async (signal) => nextDeployment(session, await allProvides(stored, server), signal),
      deploy: (deployment, signal) => working(work.deploy(deployment, signal)),
    },
    start,
  );
}

/** @throws {AgentError} DEVICE_TYPE_FILE, STORE_DAMAGED */
export async function allProvides(
  stored: ReadonlyMap<string, string>,
  { deviceTypeFile }: ServerSide,
): Promise<DeviceProvidesAll> {
  return {
    artifact_name: "unknown",
    ...flatProvides(readProvides(stored)),
    device_type: await readDeviceType(deviceTypeFile),
  };
}

export const intervalsOf = (config: ServerConfig): Intervals => ({
  intervalMs: { inventory: config.inventoryPollSeconds * 1000, deployments: config.updatePollSeconds * 1000 },
  backoff: { maxIntervalMs: config.retryPollSeconds * 1000, count: config.retryPollCount },
});
