import { posix } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageEntry } from "../files/image-files.ts";
import type { InspectedFiles } from "./context.ts";

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;
/** The files that matter here are small: configurations, keys, scripts, the status of packages. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const ROOT: ImageEntry = { name: "", kind: "folder", mode: 0o755, uid: 0, gid: 0, size: 0 };

/** Where a path leads after all links and mounts. */
export interface Found {
  readonly files: InspectedFiles;
  /** The number of the partition. */
  readonly partition: number;
  /** The path in its file system. */
  readonly path: string;
  /** The path in the running system. */
  readonly whole: string;
  readonly entry: ImageEntry;
}

export interface Mounted {
  readonly files: InspectedFiles;
  readonly partition: number;
}

/** The files of a system as they will be when it runs: a root file system with the other partitions mounted on it. */
export interface SystemTree {
  find(path: string): Promise<Found | undefined>;
  /** The names in a folder; empty if it does not exist. */
  names(folder: string): Promise<readonly string[]>;
  read(path: string): Promise<Buffer | undefined>;
  text(path: string): Promise<string | undefined>;
}

/** @param mounts by their folder; `/` is the root file system */
export function createSystemTree(mounts: ReadonlyMap<string, Mounted>, signal: AbortSignal): SystemTree {
  const lists = new Map<string, Promise<readonly ImageEntry[]>>();

  /** One call of a tool lists a folder, so every folder is listed once. */
  const listed = ({ files, partition }: Mounted, folder: string): Promise<readonly ImageEntry[]> => {
    const key = `${partition}:${folder}`;
    const found = lists.get(key) ?? files.list(folder, signal);
    lists.set(key, found);
    return found;
  };

  const mountAbove = (whole: string): readonly [string, Mounted] | undefined =>
    [...mounts]
      .filter(([folder]) => folder === "/" || whole === folder || whole.startsWith(`${folder}/`))
      .toSorted(([one], [two]) => two.length - one.length)[0];

  /** What is at a path whose folders are no links. */
  const look = async (whole: string): Promise<Found | undefined> => {
    const [folder, mounted] = mountAbove(whole) ?? [];
    if (folder === undefined || mounted === undefined) return undefined;
    const path = folder === "/" ? whole : whole.slice(folder.length) || "/";
    const { files, partition } = mounted;
    if (path === "/") return { files, partition, path, whole, entry: ROOT };
    const entry = (await listed(mounted, posix.dirname(path))).find(({ name }) => name === posix.basename(path));
    return entry && { files, partition, path, whole, entry };
  };

  const find: SystemTree["find"] = async (path) => {
    let links = 0;
    let rest = path.split("/").filter(Boolean);
    let at = await look("/");
    while (at !== undefined && rest.length > 0) {
      const [name = "", ...after] = rest;
      const next: string = posix.resolve(at.whole, name);
      if (at.entry.kind !== "folder") return undefined;
      at = await look(next);
      rest = after;
      if (at?.entry.kind !== "link") continue;
      if (++links > MAX_LINKS) return undefined;
      const target = await at.files.readLink(at.path, signal);
      rest = [...posix.resolve(posix.dirname(at.whole), target).split("/").filter(Boolean), ...after];
      at = await look("/");
    }
    return at;
  };

  const read: SystemTree["read"] = async (path) => {
    const found = await find(path);
    if (found?.entry.kind !== "file") return undefined;
    if (found.entry.size > MAX_FILE_BYTES) {
      throw new AgentError("IMAGE_FILE_KIND", { path, reason: `over ${MAX_FILE_BYTES} bytes` });
    }
    const chunks: Buffer[] = [];
    for await (const chunk of found.files.read(found.path, signal)) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };

  return {
    find,
    read,
    text: async (path) => (await read(path))?.toString("utf8"),
    async names(folder) {
      const found = await find(folder);
      if (found?.entry.kind !== "folder") return [];
      return (await listed(found, found.path)).map(({ name }) => name);
    },
  };
}
