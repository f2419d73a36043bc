import { spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerError } from "../../errors/server-error.ts";

export interface DataLock {
  release(): Promise<void>;
}

const FILE = "lock";
const POLL_MS = 100;

/**
 * Takes the data folder for this process, which ends the lock when it ends, in whichever way. Node has no flock(2), so
 * the program `flock` locks a descriptor that it inherits; such a lock belongs to the open file, which this process
 * keeps.
 *
 * @param holder what other processes are told about this one: `start`, or a command that ends soon
 * @param patienceMs how long to wait for a command that ends soon
 * @throws {ServerError} DATA_FOLDER_BUSY
 */
export async function lockDataFolder(folder: string, holder: string, patienceMs: number): Promise<DataLock> {
  const path = join(folder, FILE);
  const file = await open(path, "a+", 0o600);
  const until = performance.now() + patienceMs;
  while (!(await lock(file))) {
    const { text, pid } = await holderOf(file);
    if ((text === "start" && isAlive(pid)) || performance.now() >= until) {
      await file.close();
      throw new ServerError("DATA_FOLDER_BUSY", { path: folder, pid, command: text });
    }
    await sleep(POLL_MS);
  }
  await file.truncate(0);
  await file.write(`${process.pid} ${holder}\n`);
  return { release: () => file.close() };
}

async function holderOf(file: FileHandle): Promise<{ readonly text: string; readonly pid: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
  const [pid = "0", text = ""] = buffer.toString("utf8", 0, bytesRead).trim().split(" ");
  return { text, pid: Number(pid) };
}

/** What a killed server has written is there until the next holder has written its own line. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function lock(file: FileHandle): Promise<boolean> {
  const child = spawn("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", file.fd] });
  const [status] = (await once(child, "exit").catch((cause: unknown) => {
    throw new ServerError(
      "DATA_FOLDER_BUSY",
      { reason: "the program flock does not run: install util-linux" },
      { cause },
    );
  })) as [number | null];
  return status === 0;
}
