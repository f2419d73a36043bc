import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { boardPaths } from "../../../adapters/bootloader/fake/board-layout.ts";
import type { ChildProcessOptions } from "../../../adapters/process/child-process.ts";
import type { OwnRoot } from "../../../adapters/process/own-root.ts";
import type { Paths } from "../../config/paths.ts";
import type { GuardedProcess } from "../../ports/process.ts";
import type { Base } from "../base.ts";

/** Starts update modules and state scripts. On a virtual board they run in the board's own root. */
export function composePrograms(base: Pick<Base, "config" | "paths" | "host">, options?: ChildProcessOptions) {
  const { config, paths, host } = base;
  if (config.virtualBoard !== undefined) return host.ownRootProcess(boardRoot(config.virtualBoard, paths), options);
  return { ...host.process(options), expectToRun: async () => false } satisfies GuardedProcess;
}

/** As on a device, with the agent's data at its usual paths. The board's own folder is visible too. */
function boardRoot(board: string, { datastore }: Paths): OwnRoot {
  const folder = resolve(board);
  const { root, confDir, onThisMachine } = boardPaths(folder);
  const data = resolve(datastore);
  return {
    root,
    folders: data.startsWith(`${folder}/`) ? [folder] : [folder, data],
    links: { "etc/mender": confDir, "var/lib/mender": data },
    isMachineAllowed: () => existsSync(onThisMachine),
  };
}
