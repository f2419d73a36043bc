import type { CliIo } from "../../agent/io.ts";
import { composePoller } from "../../agent/managed/managed.ts";
import { bootClock } from "../../agent/managed/schedule.ts";
import { composeServer, type KeyOptions, readPassphrase, type ServerSide } from "../../agent/managed/server.ts";
import { composeWorker } from "../../agent/managed/worker.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { startSchedule } from "../../core/poller/schedule.ts";
import { untilReboot } from "../update/until-reboot.ts";
import { writeDaemonPid } from "./daemon-process.ts";

/**
 * Polls until stopped. Only the code that asks for updates stays in memory. Child processes do all other work, and hold
 * the device's lock only while they work, so that other commands can run in between.
 */
export async function daemon(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<void> {
  const server = await composeServer(options, keyOptions, io);
  const { host, paths, log, config } = server;
  if (config.server.urls.length === 0 && config.refusal === undefined) return await stayWithoutServer(server, io);
  await untilReboot(io, async (signal, leave) => {
    let passphrase: Promise<string | undefined> | undefined;
    const work = composeWorker(io, {
      passphrase() {
        passphrase ??= readPassphrase(keyOptions, io.signal);
        return passphrase;
      },
      leave,
    });
    const session = await server.session(work.authorize);
    const poller = composePoller(server, session, work, startSchedule(bootClock.monotonicMs()));
    io.onSignal?.("SIGUSR1", () => poller.request("deployments"));
    io.onSignal?.("SIGUSR2", () => poller.request("inventory"));
    const leaveOffice = await writeDaemonPid(paths, (line) => log("warning", line), host);
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

/** Keeps running, like the reference client: a restart by the service manager would find no server either. */
async function stayWithoutServer({ host, paths, log }: ServerSide, io: CliIo): Promise<void> {
  // Without a handler, SIGUSR1 would open Node's debugger.
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const)
    io.onSignal?.(signal, () => log("warning", "Cannot ask a server: mender.conf names none."));
  const leaveOffice = await writeDaemonPid(paths, (line) => log("warning", line), host);
  log(
    "warning",
    "mender.conf names no server (ServerURL, Servers): the daemon keeps running, but does not ask for updates.",
  );
  try {
    await host.clock.sleep(Number.POSITIVE_INFINITY, io.signal);
  } catch (error) {
    if (!io.signal.aborted) throw error;
    log("info", "Stopped");
  } finally {
    await leaveOffice();
  }
}
