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

/** How long another agent may take to move an obstacle away; far longer than a rename. */
const CLEAR_MS = 10_000;

/** The descriptor number of the lock file in the child process. */
const CHILD_FD = 3;

/**
 * A lock on the file `path`, which is created if missing and never removed. Node has no flock(2), so the program
 * `flock` locks a descriptor that it inherits. Such a lock belongs to the open file, and this process keeps a
 * descriptor of it: the lock survives the program's exit and ends when this process ends. Anything but a regular file
 * at `path` is moved aside.
 *
 * @param program flock of util-linux or of busybox
 * @param tell receives a message about what was moved aside
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
 * Waits until no other program holds the lock on the file `path`, which is created if missing, and takes it.
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

/** Waits for a lock on an open file. @param path the path of `file`, for error messages */
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
 * Starts `flock` on the descriptor of `file`. It loads `child_process` only here, because the rest of the agent's start
 * does not need it. This program needs no program record: if it outlives a killed agent, it exits as soon as it gets
 * the lock, which releases the lock.
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
          // `spawn` reports some failures by throwing and others by an event.
          fail(cause);
        }
      }),
  );
}

const failed = (path: string, program: string, status: number | null): AgentError =>
  new AgentError("LOCK_FAILED", { lock: path, program, status: String(status) });

/** @returns a function that closes `file` and so releases the lock that `take` acquired */
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
    // This is the data folder, and later writers rely on it being durable.
    await ensureFolder(dirname(path), 0o700, acts);
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | flags, 0o600);
  } catch (cause) {
    const { brokenLink } = await import("../../src/util/broken-link.ts");
    const leadsTo = await brokenLink(dirname(path));
    const reason = `a link leads to ${leadsTo}, which does not exist; is the data partition mounted?`;
    throw new AgentError("LOCK_FAILED", { lock: path, ...(leadsTo !== undefined && { reason }) }, cause);
  }
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    // The process can exit before its caller starts to wait.
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    child.once("exit", resolve);
  });
