import { access, constants, readFile, realpath, statfs } from "node:fs/promises";
import type { FolderFacts } from "../../src/ports/board-facts.ts";
import { brokenLink } from "../../src/util/broken-link.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { lowerFolders, type Mount, readMounts, rootMount, upperFolder } from "../linux/mount-table.ts";

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
  const layer = isRoot ? layerOf(rootMount(mounts), mounts) : undefined;
  return {
    folder,
    exists: true,
    isWritable: await isWritable(real),
    freeBytes: bavail * bsize,
    // btrfs and FAT have no limit on the number of files, and report 0 of 0.
    ...(files > 0 && { freeFiles: ffree }),
    // A bind mount of the root file system is not a separate mount.
    ...(holder !== undefined && !isRoot && { mount: holder }),
    ...(layer !== undefined && (layer.mount ? { mount: layer.mount } : { isInLayer: true as const })),
    ...(holder?.flags.split(",").includes("noexec") === true && { startsNothing: holder.folder }),
  };
}

/**
 * The upper layer of an overlay as the root: what is written goes there, and an update replaces only the layer below.
 *
 * @returns the mount that holds it, if this process sees it; `undefined` if there is no such layer, or if it is on the
 * file system of the layer below
 */
function layerOf(root: Mount | undefined, mounts: readonly Mount[]): { readonly mount?: Mount } | undefined {
  const upper = root && upperFolder(root);
  if (root === undefined || upper === undefined) return undefined;
  const others = mounts.filter((mount) => mount !== root && mount.folder !== "/");
  const mount = holderOf(upper, others);
  const below = lowerFolders(root).map((folder) => holderOf(folder, others)?.number);
  if (mount === undefined) return {};
  return below.includes(mount.number) ? undefined : { mount };
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
