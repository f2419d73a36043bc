import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { diskActs } from "../../adapters/files/disk.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { powerSwitch } from "./bootloader-rigs.ts";

/** The effects of a power cut on names that were created, changed or removed since the last sync of their folder. */
export const FOLDER_LOSSES = ["all lost", "all kept", "old and new both kept"] as const;
export type FolderLoss = (typeof FOLDER_LOSSES)[number];

type Files = ReadonlyMap<string, Buffer>;

/**
 * A folder on a medium that forgets: the content of a file is safe when it was synced, but a name is safe only when
 * its folder was. Reading sees everything at once, as through a kernel's cache.
 */
export class VolatileFolder {
  private durable: Files = new Map();
  private readonly folder: string;
  private readonly loss: FolderLoss;
  private isFull = false;

  constructor(folder: string, loss: FolderLoss) {
    this.folder = folder;
    this.loss = loss;
  }

  /** Makes the present content durable, as firmware and an orderly shutdown do. */
  settle(): void {
    this.durable = this.files();
  }

  losePower(): void {
    this.isFull = false;
    const live = this.files();
    if (this.loss === "all lost") for (const path of live.keys()) rmSync(path);
    for (const [path, content] of this.loss === "all kept" ? [] : this.durable) {
      if (this.loss === "all lost" || !live.has(path)) writeFileSync(path, content);
    }
    this.settle();
  }

  /** From now until the power is lost, nothing can be changed. */
  fail(): void {
    this.isFull = true;
  }

  acts(cut: ReturnType<typeof powerSwitch>): FileActs {
    const act: typeof cut.act = async (whole, half) => {
      if (this.isFull) throw new Error("ENOSPC");
      await cut.act(whole, half);
    };
    const write = async (path: string, content: string | Uint8Array, mode: number): Promise<void> => {
      writeFileSync(path, content, { mode });
      // A name that is known already has its new content; a new name waits for its folder.
      if (this.durable.has(path)) this.durable = new Map(this.durable).set(path, Buffer.from(content));
    };
    const nothing = async (): Promise<void> => undefined;
    return {
      ...diskActs,
      writeSynced: (path, content, mode) =>
        act(
          () => write(path, content, mode),
          () => write(path, content.slice(0, content.length / 2), mode),
        ),
      rename: (from, to) => act(() => diskActs.rename(from, to), nothing),
      remove: (path) => act(() => diskActs.remove(path), nothing),
      syncFolder: (path) => act(async () => this.sync(path), nothing),
    };
  }

  private sync(folder: string): void {
    const isElsewhere = ([path]: readonly [string, Buffer]): boolean => dirname(path) !== folder;
    const isHere = (entry: readonly [string, Buffer]): boolean => !isElsewhere(entry);
    this.durable = new Map([...[...this.durable].filter(isElsewhere), ...[...this.files()].filter(isHere)]);
  }

  private files(): Files {
    const names = readdirSync(this.folder, { recursive: true, encoding: "utf8" });
    const paths = names.map((name) => join(this.folder, name)).filter((path) => statSync(path).isFile());
    return new Map(paths.map((path) => [path, readFileSync(path)]));
  }
}
