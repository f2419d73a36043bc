import { join, resolve } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import { diskActs } from "../../files/disk.ts";
import { type SlotPartitions, slotOfNumber } from "../../linux/partition-number.ts";
import { boardIo } from "./board-io.ts";

/** Partition numbers as on Mender's SD-card images: 1 is the boot partition. */
export const BOARD_PARTITIONS: SlotPartitions = { A: 2, B: 3 };

/** The paths of a virtual board's files. */
export interface BoardPaths {
  readonly slots: Readonly<Record<SlotId, string>>;
  readonly env: string;
  /** The running kernel's command line, whose `root=` names the running slot; empty when nothing runs. */
  readonly commandLine: string;
  readonly confDir: string;
  readonly dataDir: string;
  /** Holds `modules/v3`. */
  readonly shareDir: string;
  /** The folder that update modules and state scripts see as `/`. */
  readonly root: string;
  /** Names the program that replaces the virtual board's own boot loader; the file may be missing. */
  readonly firmware: string;
  /** If this file exists, update modules and state scripts may change the machine instead. */
  readonly onThisMachine: string;
}

export function boardPaths(dir: string): BoardPaths {
  return {
    slots: {
      A: join(dir, "slots", `rootfs${BOARD_PARTITIONS.A}`),
      B: join(dir, "slots", `rootfs${BOARD_PARTITIONS.B}`),
    },
    env: join(dir, "boot", "env"),
    commandLine: join(dir, "proc", "cmdline"),
    confDir: join(dir, "etc"),
    dataDir: join(dir, "data"),
    shareDir: join(dir, "share"),
    root: join(dir, "root"),
    firmware: join(dir, "firmware"),
    onThisMachine: join(dir, "on-this-machine"),
  };
}

/** The running slot, or `undefined` while the board is off or hangs. @throws {AgentError} BOARD_MISSING */
export async function runningSlot(dir: string): Promise<SlotId | undefined> {
  let text: string;
  try {
    text = readSmallFile(boardPaths(dir).commandLine).trim();
  } catch (cause) {
    throw new AgentError("BOARD_MISSING", { board: dir }, cause);
  }
  const partition = /\brootfs([0-9]+)$/.exec(text)?.[1];
  return partition === undefined ? undefined : slotOfNumber(partition, BOARD_PARTITIONS);
}

/** Durable: a power cut leaves the old value or the new one. @throws {AgentError} BOARD_IO */
export async function setRunningSlot(dir: string, slot: SlotId | undefined, acts: FileActs = diskActs): Promise<void> {
  const { commandLine, slots } = boardPaths(dir);
  const { replaceFile } = await import("../../../src/util/replace-file.ts");
  await boardIo(commandLine, () =>
    replaceFile(commandLine, slot === undefined ? "" : `console=ttyS0 root=${resolve(slots[slot])}\n`, acts),
  );
}

/**
 * The slot that an agent on the board learns from the running kernel. Never reads the boot environment.
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
