import { existsSync } from "node:fs";
import {
  type BoardOptions,
  boardStatus,
  createBoard,
  writeImageFile,
} from "../../../adapters/bootloader/fake/board.ts";
import { BOARD_IMAGE_BOOTS } from "../../../adapters/bootloader/fake/board-image.ts";
import { boardPaths } from "../../../adapters/bootloader/fake/board-layout.ts";
import { type BoardStart, startBoard } from "../../../adapters/bootloader/fake/firmware.ts";
import { forgetMemory } from "../../../adapters/process/own-root.ts";

import type { FileActs } from "../../ports/files.ts";
import { readSmallFile } from "../../util/small-file.ts";

export type { BoardStatus } from "../../../adapters/bootloader/fake/board.ts";
export type { BoardImageBoots, SlotContent } from "../../../adapters/bootloader/fake/board-image.ts";
export type { BoardStart } from "../../../adapters/bootloader/fake/firmware.ts";
export type { PowerOnOutcome } from "../../../adapters/bootloader/fake/power-on.ts";

/** Starts the agent once a system has come up, as the board's init would. @returns a line for the user */
export type OnBoot = (dir: string) => Promise<string | undefined>;

const FOR_ONE_UPDATE = "This update only.\n";

/**
 * Sets whether the modules and scripts of an update may change the machine on which you try a virtual board. The file
 * that this function creates applies to one update. A file that the user created applies to every update.
 */
export async function allowMachine(board: string, isAllowed: boolean, acts: FileActs): Promise<void> {
  const path = boardPaths(board).onThisMachine;
  if (isAllowed && !existsSync(path)) await acts.writeSynced(path, FOR_ONE_UPDATE, 0o644);
  if (isAllowed || !existsSync(path) || readSmallFile(path) !== FOR_ONE_UPDATE) return;
  await acts.remove(path);
}

/** The operations of `switchback board`. */
export const virtualBoard = {
  create: createBoard,
  /** Like `create`, with the user's own program as the boot loader. @throws {AgentError} also BOARD_FIRMWARE */
  async createWithFirmware(dir: string, options: BoardOptions, program: string): Promise<void> {
    const { createWithFirmware } = await import("../../../adapters/check/board-firmware.ts");
    await createWithFirmware(dir, options, program);
  },
  status: boardStatus,
  writeImage: writeImageFile,
  imageBoots: BOARD_IMAGE_BOOTS,
  async boot(dir: string, onBoot?: OnBoot): Promise<BoardStart> {
    // A device loses the content of its memory when it loses power.
    await forgetMemory(boardPaths(dir).root);
    const start = existsSync(boardPaths(dir).firmware)
      ? await (await import("../../../adapters/check/board-firmware.ts")).startByFirmware(dir)
      : await startBoard(dir);
    if (start.outcome.kind !== "up" || onBoot === undefined) return start;
    const said = await onBoot(dir);
    return said === undefined ? start : { ...start, log: [...start.log, said] };
  },
};
