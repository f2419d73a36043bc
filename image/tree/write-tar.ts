import { ownEntry, type TreeEntry } from "./entry.ts";
import { TAR_BLOCK } from "./tar-header.ts";

const FLAGS = { file: "0", hardlink: "1", symlink: "2", character: "3", block: "4", folder: "5", fifo: "6" } as const;
const NAME_BYTES = 100;
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/**
 * A tar archive of entries, in the pax format where a header is too small. Folders that have no entry get one.
 *
 * @param time of those folders, in seconds since 1970
 */
export async function* writeTar(entries: AsyncIterable<TreeEntry>, time: number): AsyncGenerator<Uint8Array> {
  const known = new Set([""]);
  // An entry of the root folder replaces it.
  yield header(ownEntry("", "folder", time, {}), FLAGS.folder, 0);
  for await (const entry of entries) {
    for (let slash = entry.path.indexOf("/"); slash >= 0; slash = entry.path.indexOf("/", slash + 1)) {
      const above = entry.path.slice(0, slash);
      if (!known.has(above)) yield header(ownEntry(above, "folder", time, {}), FLAGS.folder, 0);
      known.add(above);
    }
    if (entry.kind === "folder") known.add(entry.path);
    const records = paxRecords(entry);
    if (records.length > 0) {
      yield header({ ...entry, path: "pax", kind: "file", target: "" }, "x", records.length);
      yield padded(records);
    }
    yield header(entry, FLAGS[entry.kind], entry.kind === "file" ? entry.sizeBytes : 0);
    if (entry.kind !== "file") continue;
    yield* entry.content();
    yield Buffer.alloc((TAR_BLOCK - (entry.sizeBytes % TAR_BLOCK)) % TAR_BLOCK);
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

function paxRecords({ path, target, uid, gid, sizeBytes, attributes }: TreeEntry): Buffer {
  const records: Buffer[] = [];
  const add = (key: string, value: Buffer): void => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
    // The length counts its own digits.
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    records.push(Buffer.from(String(length)), rest);
  };
  const text = (value: string): Buffer => Buffer.from(value, "latin1");
  if (path.length > NAME_BYTES) add("path", text(path));
  if (target.length > NAME_BYTES) add("linkpath", text(target));
  if (uid > MAX_ID) add("uid", text(String(uid)));
  if (gid > MAX_ID) add("gid", text(String(gid)));
  if (sizeBytes > MAX_SIZE) add("size", text(String(sizeBytes)));
  for (const [name, value] of attributes) add(`SCHILY.xattr.${name}`, value);
  return Buffer.concat(records);
}

function header(entry: TreeEntry, flag: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(
      Math.min(value, 8 ** digits - 1)
        .toString(8)
        .padStart(digits, "0"),
      at,
      "latin1",
    );
  };
  block.write((entry.path === "" ? "." : entry.path).slice(0, NAME_BYTES), 0, "latin1");
  octal(entry.mode, 100, 7);
  octal(entry.uid, 108, 7);
  octal(entry.gid, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(Math.max(0, entry.mtime), 136, 11);
  block.write(`        ${flag}`, 148, "latin1");
  block.write(entry.target.slice(0, NAME_BYTES), 157, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  octal(entry.major, 329, 7);
  octal(entry.minor, 337, 7);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((TAR_BLOCK - (bytes.length % TAR_BLOCK)) % TAR_BLOCK)]);
