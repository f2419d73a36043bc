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

/** Variable in the environment of every program that an agent starts; its value is the name of the program's record. */
const MARK = "SWITCHBACK_PROGRAM";

/** Memory filesystems suffice, because no program survives a reboot: a record costs no flash write and no storage. */
const PLACES: readonly string[] = ["/run", "/dev/shm"];

/** The record of a running program. While it exists, a later agent may end the program's remaining processes. */
export interface ProgramRecord {
  /** Addition to the program's environment. It identifies the program and all its descendants. */
  readonly mark: Readonly<Record<string, string>>;
  started(pid: number): void;
  ended(): void;
}

/**
 * Facts from the kernel about a process. `startTicks`, the start time in ticks since boot, distinguishes it from a
 * later process with the same pid.
 */
export interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: string;
}

let count = 0;
/** The device whose lock this process took last; `undefined` before that. */
let ownDevice: string | undefined;

/**
 * Sets the device of this process. Several devices can share a machine, such as a real one and virtual boards, and an
 * agent must only end programs of its own device.
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
    // ignored: a lock that is not a file has only this name.
    return path;
  }
}

/**
 * Creates the record of a program before the program starts: if the agent is killed at any moment, its successor still
 * knows about the program.
 *
 * @returns `undefined` if no record can be created, or before `workOnDevice`; the program then runs without a record
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
    // ignored: a full or read-only filesystem must not prevent an update.
    return undefined;
  }
  return {
    mark: { [MARK]: name },
    started(pid) {
      try {
        writeSync(fd, `${pid} ${processFacts(pid)?.startTicks ?? ""}\n`);
      } catch {
        // ignored: the mark alone identifies the program.
      }
    },
    ended() {
      closeSync(fd);
      rmSync(path, { force: true });
    },
  };
}

/** The record of a program whose agent is gone: its file, and the mark in the program's environment. */
export interface LeftFile {
  readonly path: string;
  readonly mark: string;
}

/** The records that agents of `device` left behind because they ended before their programs. */
export function leftRecords(device: string, places = PLACES): readonly LeftFile[] {
  const folder = recordsFolder(places);
  if (folder === undefined) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${device}.`) && isOfTheDead(name))
    .map((name) => ({ path: join(folder, name), mark: `${MARK}=${name}` }));
}

function isOfTheDead(name: string): boolean {
  const [, namespace, pid, startTicks] = /^\w+\.(\d+)\.(\d+)\.(\d+)\.\d+$/.exec(name) ?? [];
  // A container that shares this folder has different pids.
  return namespace === pidNamespace() && processFacts(Number(pid))?.startTicks !== startTicks;
}

/** @returns `undefined` if there is no such process, or only a zombie */
export function processFacts(pid: number): ProcessFacts | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The process name before it may contain spaces and parentheses.
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
    // ignored: a kernel without namespaces has a single pid space.
    return "0";
  }
}

export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // ignored: the process has ended, or belongs to another user.
    return "";
  }
}

/**
 * The folder for records. Other users must not be able to write to it, because a record can cause a program to be
 * killed.
 */
function recordsFolder(places: readonly string[]): string | undefined {
  const user = process.geteuid?.() ?? 0;
  return places.map((place) => join(place, `switchback-programs-${user}`)).find((path) => isOwnFolder(path, user));
}

function isOwnFolder(path: string, user: number): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // ignored: the folder exists, or the check below finds that it does not.
  }
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0;
  } catch {
    // ignored: the place does not exist or is not writable.
    return false;
  }
}
