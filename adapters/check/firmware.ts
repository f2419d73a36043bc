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

/** The side of a boot loader that runs at power-on, over the files of a sandbox. */
export interface Firmware {
  /** Makes the files of a new board in an empty folder. */
  factory(): Promise<void>;
  /** @param argument that the running system rebooted with. @returns what comes up; `undefined` when nothing does */
  powerOn(fates: Readonly<Record<SlotId, SystemFate>>, argument?: string): Promise<SlotId | undefined>;
}

/** The check's power cuts are made of files afterwards, so nothing has to reach a disk. */
const quickActs: FileActs = {
  ...diskActs,
  writeSynced: (path, text, mode) => writeFile(path, text, { mode }),
  rename,
  syncFolder: async () => undefined,
};
const IMAGE_BYTES = 512;

/** The virtual board's: U-Boot's rule over Mender's variables, in lines of `boot/env`. */
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

/** A program that does what the board's own boot loader does. @see docs/reference/adapter-protocol.md, "Firmware" */
export function programFirmware(slots: Readonly<Record<SlotId, string>>, program: string, process: Process): Firmware {
  const askProgram = createAsk(program, process);
  const ask: typeof askProgram = async (request, ...rest) => {
    try {
      return await askProgram(request, ...rest);
    } catch (cause) {
      const reason = `it does not answer '${request.join(" ")}' as firmware does`;
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
