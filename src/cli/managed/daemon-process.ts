import { readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { localActs } from "../../agent/files.ts";
import type { Host } from "../../agent/host.ts";
import { composeLock } from "../../agent/lock.ts";
import type { Paths } from "../../config/paths.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileActs } from "../../ports/files.ts";
import { isNoFile } from "../../util/is-no-file.ts";
import { readSmallFile } from "../../util/small-file.ts";

/**
 * The process that speaks to the server for this datastore holds this lock: a daemon for all its life, a command until
 * it ends. Only the holder writes what the agent stores about servers. The pid file of a daemon counts only while the
 * daemon holds the lock.
 */
const lockFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.lock");
const pidFile = ({ datastore }: Paths): string => join(datastore, "switchback-daemon.pid");

/** Receives problems with these files. They never stop the process. */
type Tell = (line: string) => void;

/**
 * Makes this process the only one that speaks to the server for the datastore.
 *
 * @returns a function that releases the lock
 * @throws {AgentError} DAEMON_RUNNING; AGENT_BUSY when a command holds the lock; LOCK_FAILED
 */
export async function acquireServerLock(
  paths: Paths,
  tell: Tell,
  host: Host | undefined,
): Promise<() => Promise<void>> {
  try {
    const release = await composeLock({ ...paths, lockFile: lockFile(paths) }, host, tell).acquire();
    // The file of a killed daemon may even name this process by now.
    await clearPid(paths, tell, host?.files);
    return release;
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "AGENT_BUSY") throw error;
    // ignored: no daemon with a known pid holds the lock, so a command does.
    const pid = await findDaemon(paths).catch(() => undefined);
    throw pid === undefined ? error : new AgentError("DAEMON_RUNNING", { pid });
  }
}

/** Never fails if the file cannot be removed: without the lock, its pid does not count. */
async function clearPid(paths: Paths, tell: Tell, files: FileActs = localActs): Promise<void> {
  const path = pidFile(paths);
  try {
    if (!isNoFile(path)) return await files.remove(path);
    const { setAside } = await import("../../util/set-aside.ts");
    tell(`${path} is not a file: moved it to ${await setAside(path, files)}.`);
  } catch (error) {
    tell(`Cannot remove ${path}: ${String(error)}`);
  }
}

/**
 * Makes this process the daemon of the datastore, even if its pid cannot be written, for example on a full device: then
 * other commands just do not find the daemon.
 *
 * @returns a function that ends this role
 * @throws {AgentError} DAEMON_RUNNING when there is one, and the other errors of `acquireServerLock`
 */
export async function writeDaemonPid(paths: Paths, tell: Tell, host: Host): Promise<() => Promise<void>> {
  const release = await acquireServerLock(paths, tell, host);
  try {
    await host.files.writeSynced(pidFile(paths), `${process.pid}\n`, 0o644);
  } catch (error) {
    tell(`Cannot write ${pidFile(paths)}, so check-update does not find this daemon: ${String(error)}`);
  }
  return async () => {
    await clearPid(paths, tell, host.files);
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

/** The system may have reused the pid for another program, but only the daemon has the lock file open. */
async function findDaemon(paths: Paths): Promise<number | undefined> {
  const pid = Number(readSmallFile(pidFile(paths)));
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
