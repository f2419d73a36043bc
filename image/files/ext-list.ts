import type { ImageEntry } from "./image-files.ts";

/** `/12/100644/0/0/name/1234/`: a name can contain every character but the slash, even a line break. */
const ENTRY = /^\/(\d+)\/(\d{6})\/(\d+)\/(\d+)\/([^/]+)\/(\d*)\/$/gm;
const KINDS = new Map<number, ImageEntry["kind"]>([
  [0o04, "folder"],
  [0o10, "file"],
  [0o12, "link"],
]);

/** Parses the output of debugfs for `ls -p`. */
export function parseList(text: string): readonly ImageEntry[] {
  return [...text.matchAll(ENTRY)].flatMap(([, inode, mode = "", uid, gid, name = "", size]) => {
    // The lines of removed entries have the inode 0.
    if (Number(inode) === 0) return [];
    const bits = Number.parseInt(mode, 8);
    const kind = KINDS.get(bits >> 12) ?? "other";
    return [{ name, kind, mode: bits & 0o7777, uid: Number(uid), gid: Number(gid), size: Number(size) }];
  });
}
