import { readdirSync, readlinkSync } from "node:fs";
import { readFile, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerError } from "../../../errors/server-error.ts";

/** What PostgreSQL writes into `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly socketFolder: string;
  readonly isReady: boolean;
}

const PID_FILE = "postmaster.pid";
/** How long a PostgreSQL without a parent may take to end properly. It writes what is only in its memory. */
const ORPHAN_MS = 30_000;
const POLL_MS = 20;

/** The PostgreSQL that says it runs in a data folder. */
export async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(data, PID_FILE), "utf8").catch(() => ""); // ignored: none runs.
  const [pid, , , , socketFolder, , , status] = text.split("\n");
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 1 || socketFolder === undefined) return undefined;
  return { pid: number, socketFolder, isReady: status?.trim() === "ready" };
}

/**
 * Ends what a killed server has left: a PostgreSQL that runs in this data folder, or processes of one that was killed.
 * Afterwards, `postmaster.pid` is gone: its number may be that of another program by now, and PostgreSQL would refuse
 * to start. The caller must have the lock of the data folder.
 *
 * @returns how many processes there were
 * @throws {ServerError} DATABASE_START if they do not end
 */
export async function endOrphans(data: string): Promise<number> {
  const folder = await realpath(data);
  const found = processesIn(folder);
  for (const [signal, patience] of [
    ["SIGINT", ORPHAN_MS],
    ["SIGQUIT", 5000],
    ["SIGKILL", 5000],
  ] as const) {
    const left = processesIn(folder);
    if (left.length === 0) break;
    const postmaster = (await readPostmaster(folder))?.pid;
    // Without their postmaster, the other processes end by themselves when they look for it.
    for (const pid of signal === "SIGINT" ? left.filter((each) => each === postmaster) : left) send(pid, signal);
    const until = performance.now() + patience;
    while (processesIn(folder).length > 0 && performance.now() < until) await sleep(POLL_MS);
  }
  if (processesIn(folder).length > 0)
    throw new ServerError("DATABASE_START", { reason: "an older PostgreSQL does not end", path: folder });
  await rm(join(folder, PID_FILE), { force: true });
  return found.length;
}

/** All processes of PostgreSQL work in their data folder. */
export function processesIn(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && worksIn(name, folder))
    .map(Number);
}

function worksIn(pid: string, folder: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/cwd`) === folder &&
      /\/postgres(?: \(deleted\))?$/.test(readlinkSync(`/proc/${pid}/exe`))
    );
  } catch {
    // ignored: it has ended, or it belongs to another user.
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ignored: it has ended.
  }
}
