import { access, constants, readFile, realpath, statfs } from "node:fs/promises";
import type { FolderFacts } from "../../src/ports/board-facts.ts";
import { brokenLink } from "../../src/util/broken-link.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { type Mount, readMounts, rootMount } from "../linux/mount-table.ts";

/** The facts of a folder and its file system. Writes nothing. @throws the system's error */
export async function collectFolderFacts(folder: string): Promise<FolderFacts> {
  const real = await realpath(folder).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (real === undefined) {
    const leadsTo = await brokenLink(folder);
    return { folder, exists: false, ...(leadsTo && { leadsTo }), isWritable: false, freeBytes: 0 };
  }
  const { bavail, bsize, files, ffree } = await statfs(real);
  const mounts = readMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const holder = holderOf(real, mounts);
  const isRoot = holder?.folder === "/" || holder?.number === rootMount(mounts)?.number;
  return {
    folder,
    exists: true,
    isWritable: await isWritable(real),
    freeBytes: bavail * bsize,
    // btrfs and FAT have no limit on the number of files, and report 0 of 0.
    ...(files > 0 && { freeFiles: ffree }),
    // A bind mount of the root file system is not a separate mount.
    ...(holder !== undefined && !isRoot && { mount: holder }),
    ...(holder?.flags.split(",").includes("noexec") === true && { startsNothing: holder.folder }),
  };
}

const isWritable = (folder: string): Promise<boolean> =>
  access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );

/** The mount that holds `folder`. */
function holderOf(folder: string, mounts: readonly Mount[]): Mount | undefined {
  const holds = (mount: Mount): boolean =>
    mount.folder === folder || folder.startsWith(mount.folder === "/" ? "/" : `${mount.folder}/`);
  const depth = Math.max(...mounts.filter(holds).map((mount) => mount.folder.length));
  return mounts.findLast((mount) => holds(mount) && mount.folder.length === depth);
}
