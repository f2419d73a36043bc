import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRUB_ENV_TOOLS } from "../../adapters/bootloader/grub/grub-env-tools.ts";
import { createMenderEnvBootloader } from "../../adapters/bootloader/mender-env.ts";
import { createToolEnv } from "../../adapters/bootloader/tool-env.ts";
import { createChildProcess } from "../../adapters/process/child-process.ts";
import type { SystemFate } from "../../src/contracts/bootloader-rig.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { Process } from "../../src/ports/process.ts";
import { GrubBoard } from "../adapters/bootloader/grub/grub-board.ts";
import type { DisposableRig } from "./bootloader-rigs.ts";

const PARTITIONS = { A: 2, B: 10 };
const SECTOR_BYTES = 512;
const STAND_IN = join(import.meta.dirname, "../adapters/bootloader/grub/mender-grubenv.sh");

/**
 * Mender's GRUB environment, accessed through its tools: a replacement that calls the real grub-editenv. A model of the
 * boot script stands for GRUB. A power cut ends the tool at one of its changes; `during` a change, the second sector of
 * the file keeps its old content.
 */
export async function makeGrubToolsRig(): Promise<DisposableRig> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const board = new GrubBoard(folder, PARTITIONS);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const { printArgv, setArgv } = GRUB_ENV_TOOLS;
  const argvs = { printArgv: [join(bin, printArgv[0])], setArgv: [join(bin, setArgv[0])] } as const;
  for (const [tool] of [argvs.printArgv, argvs.setArgv]) symlinkSync(STAND_IN, tool);

  let fates: Record<SlotId, SystemFate> = { A: "up", B: "up" };
  let running: SlotId | undefined;
  let cut: { left: number; readonly moment: "before" | "during" | "after" } | undefined;
  const files = ([1, 2] as const).flatMap((copy) => [board.path(copy, "env"), board.path(copy, "lock")]);
  const look = (): readonly Buffer[] => files.map((file) => readFileSync(file));
  const put = (contents: readonly Buffer[]): void => {
    for (const [at, file] of files.entries()) writeFileSync(file, contents[at] ?? "");
  };
  const toolStoppingAfter = (changes?: number): Process => {
    const env = { PATH: process.env["PATH"], GRUBENV_DIR: folder };
    return createChildProcess({ env: { ...env, ...(changes !== undefined && { STOP_AFTER: String(changes) }) } });
  };
  const programs: Process = {
    async run(argv, limits, signal, stdin) {
      const runWith = (changes?: number) => toolStoppingAfter(changes).run(argv, limits, signal, stdin);
      if (cut === undefined || argv[0] !== argvs.setArgv[0]) return await runWith();
      const { left, moment } = cut;
      const before = look();
      // A tool that is stopped before its first change has not run.
      if (left > 1) await runWith(left - 1);
      const untilThen = look();
      put(before);
      const result = await runWith(left);
      if (result.exitCode === 0) return result;
      cut = undefined;
      if (moment === "before") put(untilThen);
      if (moment === "during")
        put(
          look().map((now, at) =>
            Buffer.concat([now.subarray(0, SECTOR_BYTES), (untilThen[at] ?? now).subarray(SECTOR_BYTES)]),
          ),
        );
      throw new Error("power cut");
    },
  };
  const powerCycle = async (): Promise<SlotId | undefined> => {
    running = board.boot(fates);
    return running;
  };
  const reset = async (): Promise<void> => {
    cut = undefined;
    fates = { A: "up", B: "up" };
    board.install();
    await powerCycle();
  };
  await reset();
  return {
    boot: createMenderEnvBootloader({
      kind: "grub",
      env: createToolEnv(programs, { ...GRUB_ENV_TOOLS, ...argvs }),
      partitions: PARTITIONS,
      async booted() {
        if (running === undefined) throw new Error("nothing runs");
        return running;
      },
    }),
    powerCycle,
    reboot: powerCycle,
    async setFate(slot, fate) {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: (act, moment) => {
      cut = { left: act, moment };
    },
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}
