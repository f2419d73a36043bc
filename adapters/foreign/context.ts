import { readFile } from "node:fs/promises";
import type { AdapterContext, AdapterFiles, DeviceContext, PayloadAdapterContext } from "../../src/ports/adapter.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { Process } from "../../src/ports/process.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { removeReplaced, replaceFile } from "../../src/util/replace-file.ts";
import { diskActs } from "../files/disk.ts";
import type { CallLimits } from "./foreign-call.ts";

/** The file operations that an adapter receives. */
export type FileActsOfAdapters = Omit<AdapterFiles, "read" | "replace">;

export interface ContextParts {
  readonly root: string;
  readonly slots: Readonly<Record<SlotId, string>>;
  readonly options: Readonly<Record<string, unknown>>;
  /** Gives programs the environment of `adapterEnvironment`. */
  readonly process: Process;
  readonly acts?: FileActsOfAdapters;
  /** Reads a whole file; rejects with ENOENT if it does not exist. */
  readonly readFile?: (path: string) => Promise<Uint8Array>;
  /** Limits for calls into a module. */
  readonly calls?: CallLimits;
}

export function createAdapterContext(parts: ContextParts): AdapterContext {
  const { root, slots, options, process } = parts;
  return {
    root,
    slots,
    options,
    files: createAdapterFiles(parts),
    run: (argv, signal, stdin) => process.run(argv, { timeoutMs: 60_000, maxOutputBytes: 1024 * 1024 }, signal, stdin),
  };
}

export type OpenStorage = DeviceContext["openStorage"];

export const createDeviceContext = (parts: ContextParts, openStorage: OpenStorage): DeviceContext => ({
  ...createAdapterContext(parts),
  openStorage,
});

export const createPayloadContext = (parts: ContextParts, folder: string): PayloadAdapterContext => ({
  ...createAdapterContext(parts),
  folder,
});

function createAdapterFiles({ acts = diskActs, readFile: readAll = readFile }: ContextParts): AdapterFiles {
  const { writeSynced, storeSynced, rename, syncFolder } = acts;
  return {
    writeSynced,
    storeSynced,
    rename,
    remove: (path) => removeReplaced(path, acts),
    syncFolder,
    async read(path) {
      try {
        return await readAll(path);
      } catch (error) {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    replace: (path, content) => replaceFile(path, content, acts),
  };
}

/** The environment of an adapter's program: the agent's own plus the adapter's settings. */
export function adapterEnvironment(
  { root, slots, options }: Pick<ContextParts, "root" | "slots" | "options">,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const given = Object.entries(options).map(([key, value]) => [
    `SWITCHBACK_OPTION_${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return {
    ...env,
    ...Object.fromEntries(given),
    SWITCHBACK_ROOT: root,
    SWITCHBACK_SLOT_A: slots.A,
    SWITCHBACK_SLOT_B: slots.B,
  };
}
