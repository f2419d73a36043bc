import { composePoller } from "../compose-managed.ts";
import { bootClock } from "../compose-schedule.ts";
import { composeServer, type KeyOptions, readPassphrase } from "../compose-server.ts";
import { composeWorker } from "../compose-worker.ts";
import { startSchedule } from "../core/poller/schedule.ts";
import { announceDaemon } from "./daemon-process.ts";
import type { GlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { untilReboot } from "./until-reboot.ts";

/**
 * Polls until it is told to stop. Only what asks for updates stays in memory: all else is done by processes of their
 * own, which lock the device while they work on it, so that commands have their turn in between.
 */
export async function daemon(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<void> {
  const server = await composeServer(options, keyOptions, io);
  const { machine, paths, log } = server;
  await untilReboot(io, async (signal, leave) => {
    let passphrase: Promise<string | undefined> | undefined;
    const work = composeWorker(io, {
      passphrase() {
        passphrase ??= readPassphrase(keyOptions);
        return passphrase;
      },
      leave,
    });
    const session = await server.session(work.authorize);
    const poller = composePoller(server, session, work, startSchedule(bootClock.monotonicMs()));
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
