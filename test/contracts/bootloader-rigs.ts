import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBoard, writeBoardImage } from "../../adapters/bootloader/fake/board.ts";
import { BOARD_PARTITIONS, boardPaths, bootedOnBoard } from "../../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv, loadVariables, saveVariables } from "../../adapters/bootloader/fake/file-env.ts";
import { startBoard } from "../../adapters/bootloader/fake/firmware.ts";
import { powerOn } from "../../adapters/bootloader/fake/power-on.ts";
import { createMenderEnvBootloader } from "../../adapters/bootloader/mender-env.ts";
import { createToolEnv } from "../../adapters/bootloader/tool-env.ts";
import { fwEnvTools } from "../../adapters/bootloader/uboot/fw-env-tools.ts";
import { diskActs } from "../../adapters/files/disk.ts";
import { createChildProcess } from "../../adapters/process/child-process.ts";
import type { BootloaderRig, CutMoment, SystemFate } from "../../src/contracts/bootloader-rig.ts";
import type { BootEnv } from "../../src/ports/boot-env.ts";
import type { Bootloader, SlotId } from "../../src/ports/bootloader.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { Process } from "../../src/ports/process.ts";
import { COPY_BYTES, makeRealEnv } from "../adapters/bootloader/uboot/real-env.ts";

export interface DisposableRig extends BootloaderRig {
  dispose(): Promise<void>;
}

/** Puts something else between the adapter and its environment, or in place of the adapter. */
export interface Spoil {
  readonly env?: (env: BootEnv) => BootEnv;
  readonly boot?: (boot: Bootloader) => Bootloader;
}

/** Counts durable acts, and fails at the requested one. */
export function powerSwitch() {
  let left = 0;
  let moment: CutMoment = "before";
  return {
    set(act: number, at: CutMoment): void {
      left = act;
      moment = at;
    },
    async act(whole: () => Promise<void>, half: () => Promise<void>): Promise<void> {
      left -= 1;
      if (left !== 0) return whole();
      if (moment === "after") await whole();
      if (moment === "during") await half();
      throw new Error("power cut");
    },
  };
}

const nothing = async (): Promise<void> => undefined;

/** The power cut is simulated, so nothing has to reach a disk. */
const quickActs: FileActs = {
  ...diskActs,
  writeSynced: (path, text, mode) => writeFile(path, text, { mode }),
  syncFolder: nothing,
};

/** Acts on files that fail where the switch cuts the power. A rename happens or does not. */
function actsBehind(cut: ReturnType<typeof powerSwitch>): FileActs {
  return {
    ...quickActs,
    writeSynced: (path, text, mode) =>
      cut.act(
        () => quickActs.writeSynced(path, text, mode),
        () => quickActs.writeSynced(path, text.slice(0, text.length / 2), mode),
      ),
    rename: (from, to) => cut.act(() => quickActs.rename(from, to), nothing),
    syncFolder: (path) => cut.act(() => quickActs.syncFolder(path), nothing),
  };
}

/** The virtual board: its own environment file, its own firmware. */
export async function makeFakeRig({ env: spoilEnv, boot: spoilBoot }: Spoil = {}): Promise<DisposableRig> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const dir = join(folder, "board");
  const paths = boardPaths(dir);
  const cut = powerSwitch();
  const acts = actsBehind(cut);
  const start = async (): Promise<SlotId | undefined> => {
    const { outcome } = await startBoard(dir, quickActs);
    return outcome.kind === "up" ? outcome.slot : undefined;
  };
  const setFate = (slot: SlotId, fate: SystemFate): Promise<void> =>
    fate === "unloadable"
      ? writeFile(paths.slots[slot], Buffer.alloc(4096))
      : writeBoardImage(paths.slots[slot], `in-${slot}`, 4096, fate === "up" ? "yes" : fate);
  const reset = async (): Promise<void> => {
    cut.set(0, "before");
    await saveVariables(paths.env, factory, quickActs);
    for (const slot of ["A", "B"] as const) await setFate(slot, "up");
    await start();
  };
  await createBoard(dir, { slotBytes: 4096, imageBytes: 4096, version: "v1", deviceType: "rig" });
  const factory = await loadVariables(paths.env);
  await reset();
  const env = createFileEnv(paths.env, acts);
  const boot = createMenderEnvBootloader({
    kind: "fake",
    env: spoilEnv?.(env) ?? env,
    partitions: BOARD_PARTITIONS,
    booted: bootedOnBoard(dir),
  });
  return {
    boot: spoilBoot?.(boot) ?? boot,
    powerCycle: start,
    reboot: start,
    setFate,
    cutPowerAt: cut.set,
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}

const PARTITIONS = { A: 2, B: 10 };
const FACTORY = {
  mender_boot_part: "2",
  mender_boot_part_hex: "2",
  upgrade_available: "0",
  bootcount: "0",
  bootlimit: "1",
};
const CANARY = { mender_check_saveenv_canary: "1" };

/**
 * U-Boot's own format, accessed through the real tools. The rig applies U-Boot's rule through these tools.
 *
 * @param toolsOf which tools the adapter has, by the configuration of the environment
 * @param more variables of the environment in addition to those of every environment
 */
export async function makeUbootRig(
  toolsOf = fwEnvTools,
  more: Readonly<Record<string, string>> = CANARY,
): Promise<DisposableRig> {
  const factory = { ...FACTORY, ...more };
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const real = makeRealEnv(folder, factory);
  const tools = toolsOf(real.config);
  const cut = powerSwitch();
  const programs = createChildProcess();
  const process: Process = {
    async run(argv, limits, signal, stdin) {
      const run = () => programs.run(argv, limits, signal, stdin);
      if (argv[0] !== tools.setArgv[0]) return run();
      const results: Awaited<ReturnType<typeof run>>[] = [];
      const whole = async () => void results.push(await run());
      await cut.act(whole, () => tornWrite(real.file, whole));
      const [result] = results;
      if (result === undefined) throw new Error("fw_setenv did not run");
      return result;
    },
  };
  let fates: Record<SlotId, SystemFate> = { A: "up", B: "up" };
  let running: SlotId | undefined;
  const powerCycle = async (): Promise<SlotId | undefined> => {
    const { steps, outcome } = powerOn(new Map(Object.entries(real.print())), PARTITIONS, fates);
    for (const step of steps) if (step.kind === "save") real.set(Object.fromEntries(step.env));
    running = outcome.kind === "up" ? outcome.slot : undefined;
    return running;
  };
  const reset = async (): Promise<void> => {
    cut.set(0, "before");
    fates = { A: "up", B: "up" };
    real.set({ ...factory, mender_saveenv_canary: "" });
    await powerCycle();
  };
  await reset();
  const boot = createMenderEnvBootloader({
    kind: "uboot",
    env: createToolEnv(process, tools),
    partitions: PARTITIONS,
    async booted() {
      if (running === undefined) throw new Error("nothing runs");
      return running;
    },
  });
  return {
    boot,
    powerCycle,
    reboot: powerCycle,
    async setFate(slot, fate) {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: cut.set,
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}

/** Lets a write happen and then puts back the second half of the copy that it wrote. */
async function tornWrite(file: string, write: () => Promise<void>): Promise<void> {
  const before = await readFile(file);
  await write();
  const after = await readFile(file);
  for (const copy of [0, COPY_BYTES]) before.copy(after, copy + 32, copy + 32, copy + COPY_BYTES);
  await writeFile(file, after);
}
