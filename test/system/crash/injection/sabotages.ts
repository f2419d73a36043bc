import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../../../src/agent/host.ts";
import type { FileActs } from "../../../../src/ports/files.ts";
import { replaceFile } from "../../../../src/util/replace-file.ts";
import type { Sabotage } from "./crash-board.ts";

export interface NamedSabotage {
  readonly title: string;
  /** The scenario that reveals the fault. */
  readonly scenario: string;
  readonly sabotage: Sabotage;
  /** The message about a board that the fault breaks. */
  readonly found: RegExp;
}

const nothing = async (): Promise<void> => undefined;
const withFiles = (host: Host, files: Partial<FileActs>): Host => ({
  ...host,
  files: { ...host.files, ...files },
});

/** Faults of the product that only the power cuts would find. */
export const SABOTAGES: readonly NamedSabotage[] = [
  {
    title: "files are written without an fsync",
    scenario: "install and commit",
    sabotage: (host, disk) =>
      withFiles(host, { writeSynced: async (path, text, mode) => disk.write(path, Buffer.from(text), mode) }),
    found: /Unexpected end of JSON input/,
  },
  {
    title: "a rename is not followed by an fsync of its folder",
    scenario: "install and commit",
    sabotage: (host) => withFiles(host, { syncFolder: nothing }),
    found: /install is followed by download/,
  },
  {
    title: "a snapshot is durable only after the effect that it stands for",
    scenario: "install and commit",
    sabotage(host, disk) {
      const { files } = host;
      const data = join(disk.folder, "data");
      let isOwed = false;
      return withFiles(host, {
        async writeSynced(path, text, mode) {
          if (isOwed) await files.syncFolder(data);
          isOwed = false;
          await files.writeSynced(path, text, mode);
        },
        async syncFolder(path) {
          if (path === data) isOwed = true;
          else await files.syncFolder(path);
        },
      });
    },
    found: /install is followed by download/,
  },
  {
    title: "the boot environment is written before the image is synced",
    scenario: "install and commit",
    sabotage: (host) => ({
      ...host,
      openStorage: async (...how) => ({ ...(await host.openStorage(...how)), sync: nothing }),
    }),
    found: /a slot is armed that holds no complete image/,
  },
  {
    title: "an update is committed before the reboot into it is verified",
    scenario: "rollback by the boot loader",
    sabotage: (host, disk) =>
      withFiles(host, {
        async writeSynced(path, text, mode) {
          const env = join(disk.folder, "boot/env");
          const isInstalled = /\/data\/switchback-store\.\w+\.new$/.test(path) && /phase\W+before/.test(String(text));
          const armed = readFileSync(env, "utf8");
          if (isInstalled) await replaceFile(env, armed.replace("available=1", "available=0"), host.files);
          await host.files.writeSynced(path, text, mode);
        },
      }),
    found: /no complete image comes up/,
  },
  {
    title: "the only copy is removed before the new one takes its place",
    scenario: "install and commit",
    sabotage: (host) =>
      withFiles(host, {
        async rename(from, to) {
          await host.files.remove(to);
          await host.files.rename(from, to);
        },
      }),
    found: /Cannot read the boot environment/,
  },
  {
    title: "the scripts of an earlier update are not removed",
    scenario: "rollback by the user",
    sabotage: (host) =>
      withFiles(host, {
        remove: async (path) => (path.includes("/data/scripts/") ? undefined : host.files.remove(path)),
      }),
    found: /a script runs that is not of/,
  },
];
