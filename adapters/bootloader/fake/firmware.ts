import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { diskActs } from "../../files/disk.ts";
import { inspectSlot, type SlotContent } from "./board-image.ts";
import { BOARD_PARTITIONS, boardPaths, runningSlot, setRunningSlot } from "./board-layout.ts";
import { loadVariables, saveVariables } from "./file-env.ts";
import { type KernelFate, type PowerOnOutcome, powerOn } from "./power-on.ts";

export interface BoardStart {
  readonly outcome: PowerOnOutcome;
  /** What the firmware did, one plain sentence each. */
  readonly log: readonly string[];
  readonly slots: Readonly<Record<SlotId, SlotContent>>;
}

/**
 * Cuts the board's power and restores it: the running system is gone, the firmware reads the boot environment and the
 * slots, and starts one slot or none. Each save of the environment is a separate durable write, so a second power cut
 * can fall between any two.
 *
 * @throws {AgentError} BOOTENV_READ, BOOTENV_WRITE, BOARD_MISSING
 */
export async function startBoard(dir: string, acts: FileActs = diskActs): Promise<BoardStart> {
  const paths = boardPaths(dir);
  // Rejects a folder that is not a board before anything is written to it.
  await runningSlot(dir);
  const env = await loadVariables(paths.env);
  await setRunningSlot(dir, undefined, acts);
  const slots = { A: await inspectSlot(paths.slots.A), B: await inspectSlot(paths.slots.B) };
  const { steps, outcome } = powerOn(env, BOARD_PARTITIONS, { A: kernelFate(slots.A), B: kernelFate(slots.B) });
  const log: string[] = [];
  for (const step of steps) {
    if (step.kind === "say") log.push(step.text);
    else await saveVariables(paths.env, step.env, acts);
  }
  if (outcome.kind === "up") await setRunningSlot(dir, outcome.slot, acts);
  return { outcome, log, slots };
}

/** What U-Boot would find in a slot. A torn image stands for a kernel that fails on a torn file system. */
export function kernelFate(content: SlotContent): KernelFate {
  if (content.kind !== "complete") return "unloadable";
  return content.boots === "yes" ? "up" : content.boots;
}
