import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { Process } from "../../src/ports/process.ts";
import { createBoard, writeBoardImage } from "../bootloader/fake/board.ts";
import { boardPaths } from "../bootloader/fake/board-layout.ts";
import { startBoard } from "../bootloader/fake/firmware.ts";
import { diskActs } from "../files/disk.ts";
import { answerOf, createAsk } from "../foreign/program-answers.ts";

export type SystemFate = "up" | "hangs" | "panics" | "unloadable";

/** The part of a boot loader that runs at power-on, working on the files of a sandbox. */
export interface Firmware {
  /** Creates the files of a new board in an empty folder. */
  factory(): Promise<void>;
  /**
   * @param argument the argument of the reboot
   * @returns the slot that comes up; `undefined` for none
   */
  powerOn(fates: Readonly<Record<SlotId, SystemFate>>, argument?: string): Promise<SlotId | undefined>;
}

/** Skips syncs: the check simulates power cuts on copies of the files, so nothing must reach a disk. */
const quickActs: FileActs = {
  ...diskActs,
  writeSynced: (path, text, mode) => writeFile(path, text, { mode }),
  rename,
  syncFolder: async () => undefined,
};
const IMAGE_BYTES = 512;

/** The virtual board's firmware: U-Boot's rules for Mender's variables, stored as lines in `boot/env`. */
export function virtualFirmware(root: string): Firmware {
  const { slots } = boardPaths(root);
  let written: Readonly<Record<SlotId, SystemFate>> | undefined;
  const write = async (slot: SlotId, fate: SystemFate): Promise<void> =>
    fate === "unloadable"
      ? writeFile(slots[slot], Buffer.alloc(IMAGE_BYTES))
      : writeBoardImage(slots[slot], `in-${slot}`, IMAGE_BYTES, fate === "up" ? "yes" : fate);
  return {
    factory: () =>
      createBoard(root, { slotBytes: IMAGE_BYTES, imageBytes: IMAGE_BYTES, version: "v1", deviceType: "sandbox" }),
    async powerOn(fates) {
      for (const slot of ["A", "B"] as const) if (written?.[slot] !== fates[slot]) await write(slot, fates[slot]);
      written = fates;
      const { outcome } = await startBoard(root, quickActs);
      return outcome.kind === "up" ? outcome.slot : undefined;
    },
  };
}

/**
 * Firmware that is a program with the behaviour of the board's own boot loader.
 *
 * @see docs/reference/adapter-protocol.md, "Firmware"
 */
export function programFirmware(slots: Readonly<Record<SlotId, string>>, program: string, process: Process): Firmware {
  const askProgram = createAsk(program, process);
  const ask: typeof askProgram = async (request, ...rest) => {
    try {
      return await askProgram(request, ...rest);
    } catch (cause) {
      const reason = `the program does not answer '${request.join(" ")}' correctly`;
      throw new AgentError("CLI_USAGE", { option: "--firmware", value: program, reason }, cause);
    }
  };
  const { signal } = new AbortController();
  return {
    async factory() {
      for (const path of Object.values(slots)) {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, "");
      }
      await ask(["factory"], signal);
    },
    async powerOn(fates, argument) {
      const given = argument === undefined ? [] : [argument];
      const slot = answerOf(await ask(["power-on", fates.A, fates.B, ...given], signal), "slot");
      if (slot === "none") return undefined;
      if (slot !== "A" && slot !== "B") throw new AgentError("ADAPTER_ANSWER", { program, slot });
      return slot;
    },
  };
}
