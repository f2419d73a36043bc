import type { ChildProcess, StdioOptions } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { Lock } from "../../src/ports/lock.ts";
import { ensureFolder } from "../../src/util/ensure-folder.ts";
import { isNoFile } from "../../src/util/is-no-file.ts";
import { startAgain } from "../../src/util/start-again.ts";
import { diskActs } from "../files/disk.ts";

/** How long an agent may take to move an obstacle away; far longer than a rename. */
const CLEAR_MS = 10_000;

/** The number under which the child sees our descriptor. */
const CHILD_FD = 3;

/**
 * A lock on the file `path`, made when missing and never removed. Node has no flock(2), so the program
 * `flock` takes it for us on a descriptor that it inherits: such a lock belongs to the open file, of which
 * this process keeps a descriptor, so it stays after the program has ended and goes when this process does. Anything
 * but a regular file in its place is set aside.
 *
 * @param program flock of util-linux or of busybox
 * @param tell hears of what was set aside
 * @throws {AgentError} LOCK_FAILED besides what the port says
 */
export function createFileLock(
  path: string,
  program = "flock",
  acts: FileActs = diskActs,
  tell: (line: string) => void = () => undefined,
): Lock {
  return {
    async acquire() {
      if (isNoFile(path)) {
        const { clearPlace } = await import("./clear-place.ts");
        const never = new AbortController().signal;
        await clearPlace(path, (folder) => waitFor(folder, dirname(path), CLEAR_MS, never, program), acts, tell);
      }
      const file = await openLockFile(path, acts, constants.O_NOFOLLOW);
      return holding(file, async () => {
        const status = await ended(await start(program, ["-n", String(CHILD_FD)], file));
        if (status === 1) throw new AgentError("AGENT_BUSY", { lock: path });
        if (status !== 0) throw failed(path, program, status);
      });
    },
  };
}

/**
 * Waits until no other program holds the lock on the file `path`, made when missing, and takes it.
 *
 * @returns a function that releases it
 * @throws {AgentError} LOCK_TIMEOUT after `timeoutMs`; LOCK_FAILED
 */
export async function waitForFileLock(
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
  program = "flock",
): Promise<() => Promise<void>> {
  signal.throwIfAborted();
  return waitFor(await openLockFile(path), path, timeoutMs, signal, program);
}

/** Waits for a lock on an open file. @param path of what `file` is, for people */
function waitFor(
  file: FileHandle,
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
  program: string,
): Promise<() => Promise<void>> {
  return holding(file, async () => {
    const child = await start(program, [String(CHILD_FD)], file);
    const kill = (): void => void child.kill("SIGKILL");
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    deadline.addEventListener("abort", kill);
    const status = await ended(child).finally(() => deadline.removeEventListener("abort", kill));
    if (status === 0) return;
    signal.throwIfAborted();
    throw deadline.aborted ? new AgentError("LOCK_TIMEOUT", { lock: path, timeoutMs }) : failed(path, program, status);
  });
}

/**
 * Starts `flock` on the descriptor of `file`. What starts programs is loaded here: the rest of a start does without.
 * It needs no record of running programs: one that outlives a killed agent ends, and so gives up the lock, as soon as
 * it gets it.
 */
async function start(program: string, args: readonly string[], file: FileHandle): Promise<ChildProcess> {
  const { spawn } = await import("node:child_process");
  return await startAgain(
    () =>
      new Promise<ChildProcess>((resolve, reject) => {
        const fail = (cause: unknown): void => reject(new AgentError("LOCK_FAILED", { program }, cause));
        try {
          const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", file.fd] satisfies StdioOptions });
          child.once("error", fail);
          child.once("spawn", () => resolve(child));
        } catch (cause) {
          // Some failures of a start are thrown, and others are events.
          fail(cause);
        }
      }),
  );
}

const failed = (path: string, program: string, status: number | null): AgentError =>
  new AgentError("LOCK_FAILED", { lock: path, program, status: String(status) });

/** @returns closes `file`, and by that gives up the lock that `take` has got for it */
async function holding(file: FileHandle, take: () => Promise<void>): Promise<() => Promise<void>> {
  try {
    await take();
  } catch (error) {
    await file.close();
    throw error;
  }
  let released: Promise<void> | undefined;
  return () => {
    released ??= file.close();
    return released;
  };
}

async function openLockFile(path: string, acts: FileActs = diskActs, flags = 0): Promise<FileHandle> {
  try {
    // It is the data folder, and whoever writes to it next does not ask whether it is durable.
    await ensureFolder(dirname(path), 0o700, acts);
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | flags, 0o600);
  } catch (cause) {
    const { brokenLink } = await import("../../src/util/broken-link.ts");
    const leadsTo = await brokenLink(dirname(path));
    const reason = `a link leads to ${leadsTo}, which is not there; is the data partition mounted?`;
    throw new AgentError("LOCK_FAILED", { lock: path, ...(leadsTo !== undefined && { reason }) }, cause);
  }
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    // It may have ended before the promise of its start has been noticed.
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    child.once("exit", resolve);
  });
