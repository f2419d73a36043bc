import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Lock } from "../../src/ports/lock.ts";
import { ensureFolder } from "../../src/util/durable-file.ts";

/** The number under which the child sees our descriptor. */
const CHILD_FD = 3;

/**
 * A lock on the file `path`, made when missing and never removed. Node has no flock(2), so the program
 * `flock` takes it for us on a descriptor that it inherits: such a lock belongs to the open file, of which
 * this process keeps a descriptor, so it stays after the program has ended and goes when this process does.
 *
 * @param program flock of util-linux or of busybox
 * @throws {AgentError} LOCK_FAILED besides what the port says
 */
export function createFileLock(path: string, program = "flock"): Lock {
  return {
    async acquire() {
      const file = await openLockFile(path);
      try {
        const status = await ended(
          spawn(program, ["-n", String(CHILD_FD)], { stdio: ["ignore", "ignore", "ignore", file.fd] }),
          program,
        );
        if (status === 1) throw new AgentError("AGENT_BUSY", { lock: path });
        if (status !== 0) throw new AgentError("LOCK_FAILED", { lock: path, program, status: String(status) });
      } catch (error) {
        await file.close();
        throw error;
      }
      let released: Promise<void> | undefined;
      return () => {
        released ??= file.close();
        return released;
      };
    },
  };
}

async function openLockFile(path: string): ReturnType<typeof open> {
  try {
    // It is the data folder, and whoever writes to it next does not ask whether it is durable.
    await ensureFolder(dirname(path), 0o700);
    return await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    throw new AgentError("LOCK_FAILED", { lock: path }, cause);
  }
}

function ended(child: ChildProcess, program: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new AgentError("LOCK_FAILED", { program }, cause)));
    child.once("exit", (status) => resolve(status));
  });
}
