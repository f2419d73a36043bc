import { AgentError } from "../../src/errors/agent-error.ts";
import type { EntryKind, TreeEntry } from "../tree/entry.ts";
import type { Extent } from "./allocator.ts";
import type { Name } from "./folder.ts";

const ROOT_INODE = 2;

export type NodeKind = Exclude<EntryKind, "hardlink">;
const KINDS: readonly NodeKind[] = ["file", "folder", "symlink", "character", "block", "fifo"];

/** A folder, whose blocks and inode are written at the end. */
export interface Folder {
  readonly inode: number;
  readonly parent: number;
  /** Inodes by name. One character for each byte of a name. */
  readonly children: Map<string, number>;
  links: number;
  attributes: Attributes;
}

export type Attributes = Pick<TreeEntry, "path" | "mode" | "uid" | "gid" | "mtime" | "attributes">;

/**
 * What is in memory about files until the end. There may be hundreds of thousands of them, so a file has no object of its
 * own.
 */
export class Tree {
  readonly root: Folder;
  readonly #kinds: Uint8Array;
  readonly #links: Uint16Array;
  readonly #firstBlocks: Uint32Array;
  readonly #lengths: Uint16Array;
  readonly #moreExtents = new Map<number, readonly Extent[]>();
  readonly #folders = new Map<number, Folder>();

  constructor(inodes: number, root: TreeEntry) {
    this.#kinds = new Uint8Array(inodes + 1);
    this.#links = new Uint16Array(inodes + 1);
    this.#firstBlocks = new Uint32Array(inodes + 1);
    this.#lengths = new Uint16Array(inodes + 1);
    this.root = this.addFolder(ROOT_INODE, ROOT_INODE, root);
  }

  addFolder(inode: number, parent: number, entry: TreeEntry): Folder {
    const folder = { inode, parent, links: 2, children: new Map(), attributes: attributesOf(entry) };
    this.#folders.set(inode, folder);
    this.#kinds[inode] = KINDS.indexOf("folder");
    return folder;
  }

  addObject(inode: number, kind: NodeKind, extents: readonly Extent[]): void {
    const [first, ...more] = extents;
    this.#kinds[inode] = KINDS.indexOf(kind);
    this.#links[inode] = 1;
    this.#firstBlocks[inode] = first?.start ?? 0;
    this.#lengths[inode] = first?.length ?? 0;
    if (more.length > 0) this.#moreExtents.set(inode, more);
  }

  folder(inode: number | undefined): Folder | undefined {
    return inode === undefined ? undefined : this.#folders.get(inode);
  }

  extents(inode: number): readonly Extent[] {
    const length = this.#lengths[inode] ?? 0;
    const first = { start: this.#firstBlocks[inode] ?? 0, length };
    return [...(length > 0 ? [first] : []), ...(this.#moreExtents.get(inode) ?? [])];
  }

  /** @returns the new number of names of the file */
  link(inode: number, by: 1 | -1): number {
    const links = (this.#links[inode] ?? 0) + by;
    this.#links[inode] = links;
    return links;
  }

  names({ children }: Folder): Name[] {
    return [...children].map(([name, inode]) => ({ name, inode, kind: KINDS[this.#kinds[inode] ?? 0] ?? "file" }));
  }

  /** Finds a folder, and creates those above it that are missing. @throws {AgentError} IMAGE_INPUT */
  folderAt(path: string, create: (path: string, parent: Folder) => Folder): Folder {
    let folder = this.root;
    let end = path === "" ? -1 : 0;
    while (end >= 0) {
      const next = path.indexOf("/", end);
      const name = path.slice(end, next < 0 ? undefined : next);
      const here = next < 0 ? path : path.slice(0, next);
      const inode = folder.children.get(name);
      const found = this.folder(inode);
      if (inode !== undefined && found === undefined) {
        throw new AgentError("IMAGE_INPUT", {
          path: printed(here),
          reason: `${printed(path)} needs a folder, and it is none`,
        });
      }
      folder = found ?? create(here, folder);
      end = next < 0 ? -1 : next + 1;
    }
    return folder;
  }

  inodeAt(path: string): number | undefined {
    const slash = path.lastIndexOf("/");
    const parents = slash < 0 ? [] : path.slice(0, slash).split("/");
    let folder: Folder | undefined = this.root;
    for (const name of parents) folder = this.folder(folder?.children.get(name));
    return folder?.children.get(path.slice(slash + 1));
  }
}

const attributesOf = ({ path, mode, uid, gid, mtime, attributes }: TreeEntry): Attributes => ({
  path,
  mode,
  uid,
  gid,
  mtime,
  attributes,
});

export function changeAttributes(folder: Folder, entry: TreeEntry): void {
  folder.attributes = attributesOf(entry);
}

/** A copy that does not keep the whole path in memory. */
export const nameOf = (path: string): string =>
  Buffer.from(path.slice(path.lastIndexOf("/") + 1), "latin1").toString("latin1");

/** Names are bytes in memory, and text for people. */
export const printed = (path: string): string => Buffer.from(path, "latin1").toString("utf8");
