import { createHash } from "node:crypto";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** Variable in the environment of every program that an agent starts: the name of its record. */
const MARK = "SWITCHBACK_PROGRAM";

/** Memory filesystems, because no program outlives a boot: a record costs no write to flash and no space. */
const PLACES: readonly string[] = ["/run", "/dev/shm"];

/** A program that is running: while its record exists, a later agent may end what is left of it. */
export interface ProgramRecord {
  /** Addition to the program's environment. It tells the program, and all that it starts, from strangers. */
  readonly mark: Readonly<Record<string, string>>;
  started(pid: number): void;
  ended(): void;
}

/** What the kernel says of a process. Ticks since boot at its start tell it from a later one with the same pid. */
export interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: string;
}

let count = 0;
/** The device whose lock this process has held last; `undefined` before that. */
let ownDevice: string | undefined;

/**
 * Says on which device this process works from now on: several may share a machine, such as a real one and virtual
 * boards, and an agent must end programs of its own device only.
 *
 * @param lockFile the device's lock, which this process holds
 * @returns the device's name in records
 */
export function workOnDevice(lockFile: string): string {
  ownDevice = createHash("sha256").update(realPath(lockFile)).digest("hex").slice(0, 16);
  return ownDevice;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // ignored: a lock that is no file has no other name either.
    return path;
  }
}

/**
 * Records that a program is about to be started. The record comes first: no moment is left in which the agent can be
 * killed and the program stays unknown.
 *
 * @returns `undefined` where nothing can be recorded, or before `workOnDevice`; the program then runs without
 */
export function recordProgram(places = PLACES, device = ownDevice): ProgramRecord | undefined {
  if (device === undefined) return undefined;
  const folder = recordsFolder(places);
  const self = processFacts(process.pid);
  if (folder === undefined || self === undefined) return undefined;
  count += 1;
  const name = `${device}.${pidNamespace()}.${process.pid}.${self.startTicks}.${count}`;
  const path = join(folder, name);
  let fd: number;
  try {
    fd = openSync(path, "w", 0o600);
  } catch {
    // ignored: a full or read-only filesystem does not keep an update from running.
    return undefined;
  }
  return {
    mark: { [MARK]: name },
    started(pid) {
      try {
        writeSync(fd, `${pid} ${processFacts(pid)?.startTicks ?? ""}\n`);
      } catch {
        // ignored: the program is found by its mark as well.
      }
    },
    ended() {
      closeSync(fd);
      rmSync(path, { force: true });
    },
  };
}

/** The record of a program whose agent is gone: a file, and the mark in the environment of the program. */
export interface LeftFile {
  readonly path: string;
  readonly mark: string;
}

/** Records of agents that worked on `device` and have ended without an end of their programs. */
export function leftRecords(device: string, places = PLACES): readonly LeftFile[] {
  const folder = recordsFolder(places);
  if (folder === undefined) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${device}.`) && isOfTheDead(name))
    .map((name) => ({ path: join(folder, name), mark: `${MARK}=${name}` }));
}

function isOfTheDead(name: string): boolean {
  const [, namespace, pid, startTicks] = /^\w+\.(\d+)\.(\d+)\.(\d+)\.\d+$/.exec(name) ?? [];
  // A container with a view of this folder has pids that mean nothing here.
  return namespace === pidNamespace() && processFacts(Number(pid))?.startTicks !== startTicks;
}

/** @returns `undefined` when there is no such process, or only what its parent has not yet taken notice of */
export function processFacts(pid: number): ProcessFacts | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The name before it may hold blanks and parentheses.
  const [state = "", , group, session, ...more] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = more[15];
  if (startTicks === undefined || state === "Z" || state === "X") return undefined;
  return { pid, group: Number(group), session: Number(session), startTicks };
}

let namespace: string | undefined;

function pidNamespace(): string {
  try {
    namespace ??= /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
    return namespace;
  } catch {
    // ignored: a kernel without namespaces has one for all.
    return "0";
  }
}

export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // ignored: the process has ended, or belongs to somebody else.
    return "";
  }
}

/** A folder that nobody else can write to: whoever writes a record can have a program ended. */
function recordsFolder(places: readonly string[]): string | undefined {
  const user = process.geteuid?.() ?? 0;
  return places.map((place) => join(place, `switchback-programs-${user}`)).find((path) => isOwnFolder(path, user));
}

function isOwnFolder(path: string, user: number): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // ignored: it exists, or the look below says that it does not.
  }
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0;
  } catch {
    // ignored: there is no such place, or it cannot be written to.
    return false;
  }
}
