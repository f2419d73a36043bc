import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemdBoot } from "../../adapters/bootloader/systemd-boot/bootloader.ts";
import type { SystemFate } from "../../src/contracts/bootloader-rig.ts";
import type { StorageRig } from "../../src/contracts/bootloader-storage.ts";
import type { Bootloader, SlotId } from "../../src/ports/bootloader.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { powerSwitch } from "./bootloader-rigs.ts";
import { type FolderLoss, VolatileFolder } from "./volatile-folder.ts";

export type DisposableStorageRig = StorageRig & { dispose(): Promise<void> };

/** The differences of a rig from a good adapter on a medium that loses unsynced data. */
export interface BootFileOptions {
  readonly spoil?: SpoilBoot;
  /** Puts something else between the adapter and its files. */
  readonly spoilFiles?: (files: FileActs) => FileActs;
  readonly loss?: FolderLoss;
}

/** Puts something else in place of the adapter. */
export type SpoilBoot = (boot: Bootloader) => Bootloader;

export interface FileBoard {
  /** The content of a new board's boot folder. */
  factory(): Promise<void>;
  /** Which slot the firmware starts; it may write down that it did. */
  choose(argument: string | undefined): Promise<SlotId>;
  bootloader(files: FileActs, booted: () => Promise<SlotId>, act: Act): Bootloader;
  /** The state that firmware keeps outside its files, and loses when the power is lost. */
  forget?(): void;
}

export type Act = ReturnType<typeof powerSwitch>["act"];

const MAX_STARTS = 5;

export async function makeFileRig(
  folder: string,
  board: FileBoard,
  options: BootFileOptions,
): Promise<DisposableStorageRig> {
  const { spoil = (boot) => boot, spoilFiles = (files) => files, loss = "all lost" } = options;
  const cut = powerSwitch();
  const medium = new VolatileFolder(folder, loss);
  let fates: Record<SlotId, SystemFate> = { A: "up", B: "up" };
  let running: SlotId | undefined;
  /** A kernel that panics restarts the board by itself, without an argument. */
  const start = async (argument?: string): Promise<SlotId | undefined> => {
    for (let count = 0; count < MAX_STARTS; count += 1) {
      const slot = await board.choose(count === 0 ? argument : undefined);
      running = fates[slot] === "up" ? slot : undefined;
      if (fates[slot] !== "panics") break;
    }
    medium.settle();
    return running;
  };
  const powerCycle = (): Promise<SlotId | undefined> => {
    medium.losePower();
    board.forget?.();
    return start();
  };
  const reset = async (): Promise<void> => {
    cut.set(0, "before");
    fates = { A: "up", B: "up" };
    await rm(folder, { recursive: true });
    await mkdir(folder);
    await board.factory();
    medium.settle();
    await powerCycle();
  };
  await reset();
  const boot = spoil(
    board.bootloader(
      spoilFiles(medium.acts(cut)),
      async () => {
        if (running === undefined) throw new Error("nothing runs");
        return running;
      },
      cut.act,
    ),
  );
  const reboot = async () => start(await boot.rebootArgument?.(new AbortController().signal));
  return {
    boot,
    powerCycle,
    reboot,
    losePower() {
      medium.losePower();
      return reboot();
    },
    failStorage: () => medium.fail(),
    async setFate(slot, fate) {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: cut.set,
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}

/**
 * An ESP with two entries, and systemd-boot's rule over them: entries without tries come last, then the version order
 * of the names decides, the highest first. At a boot, the entry loses one try and its count of used tries grows by one.
 */
export async function makeSystemdBootRig(options: BootFileOptions = {}): Promise<DisposableStorageRig> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const entries = join(folder, "loader/entries");
  return await makeFileRig(
    folder,
    {
      async factory() {
        await mkdir(entries, { recursive: true });
        await writeFile(join(folder, "loader/loader.conf"), "timeout 0\ndefault switchback-*\n");
        for (const [name, slot] of [
          ["switchback-2-a", "A"],
          ["switchback-1-b", "B"],
        ] as const) {
          await writeFile(
            join(entries, `${name}.conf`),
            `title Slot ${slot}\nlinux /${slot}/linux\noptions root=${slot}\n`,
          );
        }
      },
      async choose() {
        const [first] = (await readdir(entries)).map(withCounter).sort(bootOrder);
        if (first === undefined) throw new Error("no entry");
        if (first.left !== undefined && first.left > 0) {
          await rename(
            join(entries, first.file),
            join(entries, `${first.id}+${first.left - 1}-${first.done + 1}.conf`),
          );
        }
        const files = await readdir(entries);
        const file = files.find((name) => withCounter(name).id === first.id) ?? first.file;
        return /^options root=([AB])$/m.exec(await readFile(join(entries, file), "utf8"))?.[1] as SlotId;
      },
      bootloader: (files, booted) => createSystemdBoot({ bootFolder: folder, files, booted }),
    },
    options,
  );
}

function withCounter(file: string) {
  const stem = file.replace(/\.conf$/, "");
  const plus = stem.lastIndexOf("+");
  if (plus < 0) return { file, id: stem, left: undefined, done: 0 };
  const [left, done] = stem
    .slice(plus + 1)
    .split("-")
    .map(Number);
  return { file, id: stem.slice(0, plus), left, done: done ?? 0 };
}

type Counted = ReturnType<typeof withCounter>;

function bootOrder(a: Counted, b: Counted): number {
  const isBad = Number(a.left === 0) - Number(b.left === 0);
  return isBad || b.id.localeCompare(a.id, "en", { numeric: true });
}
