/** The content of an inode. Images share what did not change, so inodes must not be changed in place. */
export type Inode =
  | { readonly kind: "file"; readonly mode: number; readonly content: Buffer }
  | { readonly kind: "folder"; readonly mode: number; readonly entries: ReadonlyMap<string, number> }
  | { readonly kind: "fifo"; readonly mode: number };

/** A whole disk at rest, by inode number. */
export type Image = ReadonlyMap<number, Inode>;
export const ROOT = 0;

/** One change of one inode. Several changes that happen at once are one write. */
export type Change =
  | { readonly inode: number; readonly entry: string; readonly to: number | undefined }
  | { readonly inode: number; readonly offset: number; readonly bytes: Buffer }
  | { readonly inode: number; readonly content: Buffer };

/** `write`: changes, durable once all their inodes are synced. `new`: an inode for a later entry. */
export type LogEntry =
  | { readonly kind: "write"; readonly changes: readonly Change[] }
  | { readonly kind: "sync"; readonly inode: number | "all" }
  | { readonly kind: "new"; readonly inode: number; readonly as: Inode };

/** The writes of a log that no sync has made durable, oldest first, by their index in the log. */
export function unsynced(log: readonly LogEntry[]): readonly number[] {
  const synced = new Set<number>();
  const open: number[] = [];
  for (let at = log.length - 1; at >= 0; at--) {
    const entry = log[at];
    if (entry?.kind === "sync") {
      if (entry.inode === "all") break;
      synced.add(entry.inode);
    }
    if (entry?.kind === "write" && !entry.changes.every(({ inode }) => synced.has(inode))) open.unshift(at);
  }
  return open;
}

/** Content of a disk after the writes of a log, except those at the indexes `lost`. */
export function replay(start: Image, log: readonly LogEntry[], lost: ReadonlySet<number> = new Set()): Image {
  const image = new Map(start);
  for (const [at, entry] of log.entries()) {
    if (entry.kind === "new") image.set(entry.inode, entry.as);
    if (entry.kind !== "write" || lost.has(at)) continue;
    for (const change of entry.changes) apply(image, change);
  }
  return image;
}

function apply(image: Map<number, Inode>, change: Change): void {
  const inode = image.get(change.inode);
  if (inode?.kind === "folder" && "entry" in change) {
    const entries = new Map(inode.entries);
    if (change.to === undefined) entries.delete(change.entry);
    else entries.set(change.entry, change.to);
    image.set(change.inode, { ...inode, entries });
  } else if (inode?.kind === "file" && "content" in change) {
    image.set(change.inode, { ...inode, content: change.content });
  } else if (inode?.kind === "file" && "bytes" in change) {
    const content = Buffer.from(inode.content);
    change.bytes.copy(content, change.offset);
    image.set(change.inode, { ...inode, content });
  } else throw new Error(`inode ${change.inode} cannot be changed like that`);
}

const SECTOR_BYTES = 512;

/** The same changes with only the first part of their content: whole sectors of a slot, any byte of a file. */
export function torn(changes: readonly Change[]): readonly Change[] {
  return changes.map((change) => {
    if ("content" in change) return { ...change, content: change.content.subarray(0, change.content.length >> 1) };
    if (!("bytes" in change)) return change;
    const sectors = Math.floor(change.bytes.length / SECTOR_BYTES / 2);
    return { ...change, bytes: change.bytes.subarray(0, sectors * SECTOR_BYTES) };
  });
}

/** Everything that is reachable from the root, by path. Inodes without an entry in a folder are lost. */
export function* walk(image: Image, inode = ROOT, path = ""): Generator<readonly [path: string, inode: Inode]> {
  const found = image.get(inode);
  if (found === undefined) return;
  yield [path, found];
  if (found.kind !== "folder") return;
  for (const [name, to] of [...found.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield* walk(image, to, `${path}/${name}`);
  }
}
