import { rm } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { DiskImage } from "../disk-image.ts";
import { ownEntry, type TreeEntry } from "../tree/entry.ts";
import { Allocator, type Extent } from "./allocator.ts";
import { type EmptyExt4, type Ext4Options, makeEmptyExt4, putEmptyExt4 } from "./empty.ts";
import { encodeFolder } from "./folder.ts";
import { EXT4_BLOCK } from "./geometry.ts";
import { encodeInode, encodeTree, needsTree, SHORT_TARGET } from "./inode.ts";
import { InodeTable } from "./inode-table.ts";
import { changeAttributes, type Folder, type NodeKind, nameOf, printed, Tree } from "./tree.ts";

const LOST_AND_FOUND = "lost+found";
const MAX_NAME_BYTES = 255;
/** With more subfolders, the number of links of a folder is 1. */
const MAX_LINKS = 65000;
const PADDING = Buffer.alloc(EXT4_BLOCK);

/**
 * Writes an ext4 filesystem with `entries` into `image` at `offset`, in one pass: neither root nor a copy of the files is
 * needed, and the same entries give the same bytes. A later entry replaces an earlier one with the same path.
 *
 * @param prepared a file of `makeEmptyExt4` with the same options; by default, the function makes and removes one
 * @throws {AgentError} IMAGE_SPACE, IMAGE_INPUT, IMAGE_TOOL_FAILED
 */
export async function writeExt4(
  image: DiskImage,
  offset: number,
  entries: AsyncIterable<TreeEntry> | Iterable<TreeEntry>,
  options: Ext4Options,
  prepared?: string,
): Promise<void> {
  const writer = new Ext4Writer(image, offset, await putEmpty(image, offset, options, prepared), options);
  for await (const entry of entries) await writer.add(entry);
  await writer.finish();
}

async function putEmpty(
  image: DiskImage,
  offset: number,
  options: Ext4Options,
  prepared: string | undefined,
): Promise<EmptyExt4> {
  if (prepared !== undefined) return await putEmptyExt4(prepared, image, offset, options.sizeBytes);
  const path = `${image.path}.ext4`;
  try {
    await makeEmptyExt4(path, options);
    return await putEmptyExt4(path, image, offset, options.sizeBytes);
  } finally {
    await rm(path, { force: true });
  }
}

class Ext4Writer {
  readonly #image: DiskImage;
  readonly #offset: number;
  readonly #empty: EmptyExt4;
  readonly #allocator: Allocator;
  readonly #table: InodeTable;
  readonly #options: Ext4Options;
  readonly #tree: Tree;

  constructor(image: DiskImage, offset: number, empty: EmptyExt4, options: Ext4Options) {
    this.#image = image;
    this.#offset = offset;
    this.#empty = empty;
    this.#allocator = new Allocator(empty.geometry, empty.blockBitmaps, empty.inodeBitmaps, options.place);
    this.#table = new InodeTable(image, offset, empty.geometry);
    this.#options = options;
    this.#allocator.release({ start: empty.rootBlock, length: 1 });
    this.#tree = new Tree(empty.geometry.inodes, ownEntry("", "folder", options.time, {}));
  }

  async add(entry: TreeEntry): Promise<void> {
    const { path, kind } = entry;
    if (path === LOST_AND_FOUND || path.startsWith(`${LOST_AND_FOUND}/`)) return;
    if (path === "") {
      if (kind === "folder") changeAttributes(this.#tree.root, entry);
      return;
    }
    const above = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    const parent = this.#tree.folderAt(above, (missing, folder) => this.#makeFolder(missing, folder));
    const name = nameOf(path);
    if (name.length > MAX_NAME_BYTES) throw refused(path, "its name is too long");
    const old = parent.children.get(name);
    const oldFolder = this.#tree.folder(old);
    if (kind === "folder" && oldFolder !== undefined) changeAttributes(oldFolder, entry);
    else if (kind === "hardlink") this.#addLink(entry, parent, name, old);
    else {
      this.#unlink(path, old);
      if (kind === "folder") this.#makeFolder(path, parent, entry);
      else parent.children.set(name, await this.#addObject({ ...entry, kind }));
    }
  }

  async finish(): Promise<void> {
    await this.#table.finish(this.#options.time);
    await this.#finishFolder(this.#tree.root);
    const { geometry, blockBitmaps, inodeBitmaps } = this.#empty;
    for (const [index, { blockBitmap, inodeBitmap }] of geometry.groups.entries()) {
      await this.#put(blockBitmaps[index] ?? PADDING, blockBitmap);
      await this.#put(inodeBitmaps[index] ?? PADDING, inodeBitmap);
    }
    await this.#image.write(geometry.encoded(), this.#offset);
  }

  async #addObject(entry: TreeEntry & { readonly kind: NodeKind }): Promise<number> {
    const { kind, target } = entry;
    const isLong = kind === "symlink" && target.length > SHORT_TARGET;
    const sizeBytes = kind === "symlink" ? target.length : entry.sizeBytes;
    const extents = this.#allocator.blocksFor(kind === "file" || isLong ? sizeBytes : 0);
    const tree = this.#treeFor(extents);
    if (isLong) await this.#putContent([Buffer.from(target, "latin1")], extents);
    else if (kind === "file") await this.#putContent(entry.content(), extents);
    if (tree !== undefined) await this.#put(encodeTree(extents, this.#options.place), tree.start);
    const inode = this.#allocator.inode(false);
    await this.#table.put(inode, encodeInode({ entry, kind, sizeBytes, links: 1, extents, tree }));
    this.#tree.addObject(inode, kind, tree === undefined ? extents : [...extents, tree]);
    return inode;
  }

  #treeFor(extents: readonly Extent[]): Extent | undefined {
    return needsTree(extents) ? this.#allocator.blocksFor(EXT4_BLOCK)[0] : undefined;
  }

  #addLink({ path, target }: TreeEntry, parent: Folder, name: string, old: number | undefined): void {
    const inode = this.#tree.inodeAt(target);
    if (inode === undefined || this.#tree.folder(inode) !== undefined) {
      throw refused(path, `hard link to ${printed(target)}, which does not exist`);
    }
    if (inode === old) return;
    this.#unlink(path, old);
    this.#table.setLinks(inode, this.#tree.link(inode, 1));
    parent.children.set(name, inode);
  }

  #makeFolder(path: string, parent: Folder, entry = ownEntry(path, "folder", this.#options.time, {})): Folder {
    const folder = this.#tree.addFolder(this.#allocator.inode(true), parent.inode, entry);
    parent.children.set(nameOf(path), folder.inode);
    parent.links++;
    return folder;
  }

  #unlink(path: string, inode: number | undefined): void {
    if (inode === undefined) return;
    if (this.#tree.folder(inode) !== undefined) throw refused(path, "a folder is in its place");
    const links = this.#tree.link(inode, -1);
    this.#table.setLinks(inode, links);
    if (links > 0) return;
    for (const extent of this.#tree.extents(inode)) this.#allocator.release(extent);
    this.#allocator.releaseInode(inode);
  }

  /** Fills whole blocks, so that small files follow one another without a gap. */
  async #putContent(
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    extents: readonly Extent[],
  ): Promise<void> {
    let [index, done, total] = [0, 0, 0];
    const put = async (chunk: Uint8Array): Promise<void> => {
      for (let at = 0; at < chunk.length; ) {
        const { start, length } = extents[index] ?? { start: 0, length: 0 };
        const part = chunk.subarray(at, at + length * EXT4_BLOCK - done);
        await this.#image.write(part, this.#offset + start * EXT4_BLOCK + done);
        at += part.length;
        done += part.length;
        if (done === length * EXT4_BLOCK) [index, done] = [index + 1, 0];
      }
    };
    for await (const chunk of content) {
      total += chunk.length;
      await put(chunk);
    }
    if (total % EXT4_BLOCK !== 0) await put(PADDING.subarray(total % EXT4_BLOCK));
  }

  async #finishFolder(folder: Folder): Promise<void> {
    const isRoot = folder === this.#tree.root;
    const names = this.#tree.names(folder);
    if (isRoot) names.unshift({ name: LOST_AND_FOUND, inode: this.#empty.geometry.firstInode, kind: "folder" });
    const blocks = encodeFolder(folder.inode, folder.parent, names);
    const extents = this.#allocator.blocksFor(blocks.length);
    const tree = this.#treeFor(extents);
    await this.#putContent([blocks], extents);
    if (tree !== undefined) await this.#put(encodeTree(extents, this.#options.place), tree.start);
    const count = folder.links + (isRoot ? 1 : 0);
    const links = count > MAX_LINKS ? 1 : count;
    const entry = { ...folder.attributes, target: "", major: 0, minor: 0 };
    const content = { entry, kind: "folder" as const, sizeBytes: blocks.length, links, extents, tree };
    await this.#table.putFolder(folder.inode, encodeInode(content));
    for (const { inode } of names) {
      const child = this.#tree.folder(inode);
      if (child !== undefined) await this.#finishFolder(child);
    }
  }

  async #put(bytes: Uint8Array, block: number): Promise<void> {
    await this.#image.write(bytes, this.#offset + block * EXT4_BLOCK);
  }
}

const refused = (path: string, reason: string): AgentError =>
  new AgentError("IMAGE_INPUT", { path: printed(path), reason });
