import { composeManaged } from "../compose-managed.ts";
import { bootClock } from "../compose-schedule.ts";
import { composeServer, type KeyOptions } from "../compose-server.ts";
import { composeLock } from "../compose-store.ts";
import { startSchedule } from "../core/poller/schedule.ts";
import { announceDaemon } from "./daemon-process.ts";
import type { GlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { untilReboot } from "./until-reboot.ts";

/** Polls until it is told to stop. The device is locked only while it installs, so that commands have their turn. */
export async function daemon(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<void> {
  const server = await composeServer(options, keyOptions, io);
  const { machine, paths, log } = server;
  const lock = composeLock(paths, machine);
  await untilReboot(io, async (signal, leave) => {
    const agent = await composeManaged(server, {
      async alone(work) {
        const release = await lock.acquire();
        try {
          await work();
        } finally {
          await release();
        }
      },
      leavesReboot: false,
      leave,
      onEnd: () => undefined,
    });
    const poller = agent.poller(startSchedule(bootClock.monotonicMs()));
    io.onSignal?.("SIGUSR1", () => poller.request("deployments"));
    io.onSignal?.("SIGUSR2", () => poller.request("inventory"));
    const leaveOffice = await announceDaemon(paths, machine);
    try {
      await poller.run(signal);
    } catch (error) {
      if (!io.signal.aborted) throw error;
      log("info", "Stopped");
    } finally {
      await leaveOffice();
    }
  });
}
