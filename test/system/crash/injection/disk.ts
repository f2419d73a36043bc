import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Change, type Image, type Inode, type LogEntry, ROOT, replay, walk } from "./disk-image.ts";

export type ActKind =
  | "block write"
  | "file write"
  | "fsync"
  | "rename"
  | "unlink"
  | "mkdir"
  | "mkfifo"
  | "start"
  | "reboot";

/** One durable act, and where it begins in the disk's log. */
export interface Act {
  readonly kind: ActKind;
  /** Path below the disk's root, or a program. */
  readonly what: string;
  readonly logLength: number;
  /** What was known when the act began. */
  readonly context: unknown;
}

/**
 * A disk that records every act in order, and whether a sync came afterwards. `folder` holds what a running system
 * sees, because the agent reads there. `acts` and `log` determine what a power cut would leave.
 */
export class Disk {
  readonly folder: string;
  readonly start: Image;
  readonly acts: Act[] = [];
  readonly log: LogEntry[] = [];
  /** Supplies the context of each act. */
  context: () => unknown = () => undefined;
  #now: Map<number, Inode>;
  #next: number;

  /** Puts `image` into `folder`, replacing its content. */
  constructor(folder: string, image: Image) {
    this.folder = folder;
    this.start = image;
    this.#now = new Map(image);
    this.#next = Math.max(...image.keys()) + 1;
    rmSync(folder, { recursive: true, force: true });
    for (const [path, inode] of walk(image)) {
      const at = join(folder, path);
      if (inode.kind === "folder") mkdirSync(at);
      else if (inode.kind === "file") writeFileSync(at, inode.content, { mode: inode.mode });
      else linkSync(`${folder}.fifo`, at);
    }
  }

  /** The image of a folder's content. */
  static imageOf(folder: string): Image {
    const image = new Map<number, Inode>();
    const add = (path: string): number => {
      const number = image.size;
      const { mode } = statSync(path);
      if (!statSync(path).isDirectory()) {
        image.set(number, { kind: "file", mode: mode & 0o777, content: readFileSync(path) });
        return number;
      }
      image.set(number, { kind: "folder", mode: mode & 0o777, entries: new Map() });
      const entries = new Map(readdirSync(path).map((name) => [name, add(join(path, name))]));
      image.set(number, { kind: "folder", mode: mode & 0o777, entries });
      return number;
    };
    add(folder);
    return image;
  }

  /** Records an act that survives a power cut, or that starts something. */
  act(kind: ActKind, what: string, work: () => void = () => undefined): void {
    const name = what.startsWith(this.folder) ? relative(this.folder, what) : what;
    this.acts.push({ kind, what: name, logLength: this.log.length, context: this.context() });
    work();
  }

  /** Makes durable neither the file's content nor the name of a new file. */
  write(path: string, content: Buffer, mode: number): void {
    this.act("file write", path, () => {
      const inode = this.#find(path) ?? this.#make(path, { kind: "file", mode, content: Buffer.alloc(0) });
      this.#write([{ inode, content }]);
      writeFileSync(path, content, { mode });
    });
  }

  writeBlock(path: string, bytes: Buffer, offset: number): void {
    this.act("block write", path, () => {
      this.#write([{ inode: this.#need(path), offset, bytes: Buffer.from(bytes) }]);
      const found = this.#now.get(this.#need(path));
      if (found?.kind === "file") writeFileSync(path, found.content);
    });
  }

  sync(path: string): void {
    this.act("fsync", path, () => this.log.push({ kind: "sync", inode: this.#need(path) }));
  }

  /** An orderly shutdown, which leaves nothing unsynced. */
  syncAll(): void {
    this.act("reboot", "", () => this.log.push({ kind: "sync", inode: "all" }));
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
    this.act("rename", to, () => {
      const moved = this.#need(from);
      this.#write([this.#entry(from, undefined), this.#entry(to, moved)]);
    });
  }

  /** @returns the first folder that was made */
  makeFolder(path: string, mode: number): string | undefined {
    if (this.#find(path) !== undefined) return undefined;
    const above = this.makeFolder(dirname(path), mode);
    this.act("mkdir", path, () => {
      this.#make(path, { kind: "folder", mode, entries: new Map() });
      mkdirSync(path, { mode });
    });
    return above ?? path;
  }

  makeFifo(path: string): void {
    this.act("mkfifo", path, () => {
      this.#make(path, { kind: "fifo", mode: 0o600 });
      linkSync(`${this.folder}.fifo`, path);
    });
  }

  remove(path: string): void {
    const number = this.#find(path);
    if (number === undefined) return;
    const inode = this.#now.get(number);
    if (inode?.kind === "folder") for (const name of inode.entries.keys()) this.remove(join(path, name));
    this.act("unlink", path, () => {
      this.#write([this.#entry(path, undefined)]);
      if (inode?.kind === "folder") rmdirSync(path);
      else unlinkSync(path);
    });
  }

  /** All paths, as the running system sees them. */
  paths(): readonly string[] {
    return [...walk(this.#now)].map(([path]) => path);
  }

  #make(path: string, as: Inode): number {
    const inode = this.#next;
    this.#next += 1;
    this.log.push({ kind: "new", inode, as });
    this.#now.set(inode, as);
    this.#write([this.#entry(path, inode)]);
    return inode;
  }

  #write(changes: readonly Change[]): void {
    const entry = { kind: "write", changes } as const;
    this.log.push(entry);
    this.#now = new Map(replay(this.#now, [entry]));
  }

  #entry(path: string, to: number | undefined): Change {
    return { inode: this.#need(dirname(path)), entry: path.slice(dirname(path).length + 1), to };
  }

  #need(path: string): number {
    const found = this.#find(path);
    if (found === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return found;
  }

  #find(path: string): number | undefined {
    let at: number | undefined = ROOT;
    for (const name of relative(this.folder, path).split("/").filter(Boolean)) {
      const inode: Inode | undefined = at === undefined ? undefined : this.#now.get(at);
      at = inode?.kind === "folder" ? inode.entries.get(name) : undefined;
    }
    return at;
  }
}
