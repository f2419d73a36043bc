import { readdir, readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { composeLock } from "../compose-lock.ts";
import type { Machine } from "../compose-machine.ts";
import type { Paths } from "../config/paths.ts";
import { AgentError } from "../errors/agent-error.ts";

/**
 * Held by whoever speaks to the server for this datastore: a daemon as long as it runs, whatever it does, and a command
 * until its end. It alone writes what is kept of servers. The pid beside it, a daemon's, is worth nothing without it.
 */
const lockFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.lock");
const pidFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.pid");

/**
 * Makes this process the only one that speaks to the server for the datastore.
 *
 * @returns gives that up
 * @throws {AgentError} DAEMON_RUNNING; AGENT_BUSY when a command does; LOCK_FAILED
 */
export async function becomeSpeaker(paths: Paths, machine?: Machine): Promise<() => Promise<void>> {
  try {
    const release = await composeLock({ ...paths, lockFile: lockFile(paths) }, machine).acquire();
    // Of a daemon that was killed; the pid may be that of this very process by now.
    await rm(pidFile(paths), { force: true });
    return release;
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "AGENT_BUSY") throw error;
    // ignored: no daemon that could be found holds it, so a command does.
    const pid = await findDaemon(paths).catch(() => undefined);
    throw pid === undefined ? error : new AgentError("DAEMON_RUNNING", { pid });
  }
}

/**
 * Makes this process the daemon of the datastore.
 *
 * @returns gives that up
 * @throws {AgentError} DAEMON_RUNNING when there is one, and what else `becomeSpeaker` throws
 */
export async function announceDaemon(paths: Paths, machine: Machine): Promise<() => Promise<void>> {
  const release = await becomeSpeaker(paths, machine);
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
    const pid = await findDaemon(paths);
    if (pid !== undefined) return void process.kill(pid, signal);
  } catch (cause) {
    throw new AgentError("DAEMON_MISSING", { datastore }, cause);
  }
  throw new AgentError("DAEMON_MISSING", { datastore });
}

/** A pid may have been given to another program since; none but the daemon has the lock's file open. */
async function findDaemon(paths: Paths): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile(paths), "utf8"));
  return (await hasOpen(pid, await realpath(lockFile(paths)))) ? pid : undefined;
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder)) {
    // ignored: closed since the folder was read.
    if ((await readlink(join(folder, fd)).catch(() => "")) === path) return true;
  }
  return false;
}
