import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import { diskActs, type FileActs, replaceFile } from "../../../src/util/durable-file.ts";
import type { SlotPartitions } from "../partition-number.ts";
import { boardIo } from "./board-io.ts";

/** Partition numbers as on Mender's SD-card images: 1 is the boot partition. */
export const BOARD_PARTITIONS: SlotPartitions = { A: 2, B: 3 };

/** Where a virtual board keeps what. */
export interface BoardPaths {
  readonly slots: Readonly<Record<SlotId, string>>;
  readonly env: string;
  /** What the running kernel would answer: the slot that it came from, empty when nothing runs. */
  readonly running: string;
  readonly confDir: string;
  readonly dataDir: string;
  /** Holds `modules/v3`. */
  readonly shareDir: string;
}

export function boardPaths(dir: string): BoardPaths {
  return {
    slots: {
      A: join(dir, "slots", `rootfs${BOARD_PARTITIONS.A}`),
      B: join(dir, "slots", `rootfs${BOARD_PARTITIONS.B}`),
    },
    env: join(dir, "boot", "env"),
    running: join(dir, "running"),
    confDir: join(dir, "etc"),
    dataDir: join(dir, "data"),
    shareDir: join(dir, "share"),
  };
}

/** The slot that runs, or `undefined` while the board is off or hangs. @throws {AgentError} BOARD_MISSING */
export async function runningSlot(dir: string): Promise<SlotId | undefined> {
  let text: string;
  try {
    text = (await readFile(boardPaths(dir).running, "utf8")).trim();
  } catch (cause) {
    throw new AgentError("BOARD_MISSING", { board: dir }, cause);
  }
  return text === "A" || text === "B" ? text : undefined;
}

/** Durable: a power cut leaves the old answer or the new one. @throws {AgentError} BOARD_IO */
export async function setRunningSlot(dir: string, slot: SlotId | undefined, acts: FileActs = diskActs): Promise<void> {
  const { running } = boardPaths(dir);
  await boardIo(running, () => replaceFile(running, slot === undefined ? "" : `${slot}\n`, acts));
}

/**
 * What an agent on the board learns from the running kernel. Never looks at the boot environment.
 *
 * @throws {AgentError} BOARD_OFF, BOARD_MISSING
 */
export function bootedOnBoard(dir: string): (signal: AbortSignal) => Promise<SlotId> {
  return async (signal) => {
    signal.throwIfAborted();
    const slot = await runningSlot(dir);
    if (slot === undefined) throw new AgentError("BOARD_OFF", { board: dir });
    return slot;
  };
}
