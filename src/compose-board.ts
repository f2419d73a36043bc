import { boardStatus, createBoard, writeBoardImage } from "../adapters/bootloader/fake/board.ts";
import { BOARD_IMAGE_BOOTS } from "../adapters/bootloader/fake/board-image.ts";
import { type BoardStart, startBoard } from "../adapters/bootloader/fake/firmware.ts";

export type { BoardStatus } from "../adapters/bootloader/fake/board.ts";
export type { BoardImageBoots, SlotContent } from "../adapters/bootloader/fake/board-image.ts";
export type { BoardStart } from "../adapters/bootloader/fake/firmware.ts";
export type { PowerOnOutcome } from "../adapters/bootloader/fake/power-on.ts";

/** What the board's init does when a system has come up: starts the agent. @returns a line to tell people */
export type OnBoot = (dir: string) => Promise<string | undefined>;

/** Everything that `switchback board` does to a board. */
export const virtualBoard = {
  create: createBoard,
  status: boardStatus,
  writeImage: writeBoardImage,
  imageBoots: BOARD_IMAGE_BOOTS,
  async boot(dir: string, onBoot?: OnBoot): Promise<BoardStart> {
    const start = await startBoard(dir);
    if (start.outcome.kind !== "up" || onBoot === undefined) return start;
    const said = await onBoot(dir);
    return said === undefined ? start : { ...start, log: [...start.log, said] };
  },
};
