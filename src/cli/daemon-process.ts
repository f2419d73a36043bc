import { readdir, readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../compose-machine.ts";
import { composeLock } from "../compose-store.ts";
import type { Paths } from "../config/paths.ts";
import { AgentError } from "../errors/agent-error.ts";

/** Held by the daemon as long as it runs, whatever it does; the pid beside it is worth nothing without it. */
const lockFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.lock");
const pidFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.pid");

/**
 * Makes this process the daemon of the datastore.
 *
 * @returns gives that up
 * @throws {AgentError} AGENT_BUSY when there is one
 */
export async function announceDaemon(paths: Paths, machine: Machine): Promise<() => Promise<void>> {
  const release = await composeLock({ ...paths, lockFile: lockFile(paths) }, machine).acquire();
  await writeFile(pidFile(paths), `${process.pid}\n`, { mode: 0o644 });
  return async () => {
    await rm(pidFile(paths), { force: true });
    await release();
  };
}

/**
 * Signals the daemon of the datastore.
 *
 * @throws {AgentError} DAEMON_MISSING
 */
export async function signalDaemon(paths: Paths, signal: "SIGUSR1" | "SIGUSR2"): Promise<void> {
  const { datastore } = paths;
  try {
    const pid = Number(await readFile(pidFile(paths), "utf8"));
    // A pid may have been given to another program since; none but the daemon has this file open.
    if (await hasOpen(pid, await realpath(lockFile(paths)))) return void process.kill(pid, signal);
  } catch (cause) {
    throw new AgentError("DAEMON_MISSING", { datastore }, cause);
  }
  throw new AgentError("DAEMON_MISSING", { datastore });
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder)) {
    // ignored: closed since the folder was read.
    if ((await readlink(join(folder, fd)).catch(() => "")) === path) return true;
  }
  return false;
}
