import type { EntryKind } from "./entry.ts";

export const TAR_BLOCK = 512;

/** What a header block of a tar archive says by itself. Texts have one character for each byte. */
export interface TarHeader {
  readonly name: string;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtime: number;
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

/** `undefined` if the block is not a header. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (numberAt(block, 148, 8) !== checksumOf(block)) return undefined;
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? textAt(block, 345, 155) : "";
  const name = textAt(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    flag: String.fromCharCode(block[156] ?? 0),
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    sizeBytes: numberAt(block, 124, 12),
    mtime: numberAt(block, 136, 12),
    target: textAt(block, 157, 100),
    major: numberAt(block, 329, 8),
    minor: numberAt(block, 337, 8),
  };
}

export const KINDS: Readonly<Record<string, EntryKind>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "folder",
  "6": "fifo",
};

function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < TAR_BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}

function textAt(block: Buffer, start: number, length: number): string {
  const text = block.toString("latin1", start, start + length);
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** Octal digits, or GNU's binary form for large numbers. */
function numberAt(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) === 0) return Number.parseInt(textAt(block, start, length).trim() || "0", 8);
  let value = first & 0x40 ? -1 : 0;
  for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
  return value;
}

/** The records of a pax header. Values are bytes, because extended attributes are binary. */
export function parsePax(bytes: Buffer): ReadonlyMap<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    const equals = bytes.indexOf(0x3d, space);
    if (space < 0 || equals < 0 || !(length > 0)) break;
    records.set(bytes.toString("latin1", space + 1, equals), bytes.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}
