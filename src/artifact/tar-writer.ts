const BLOCK = 512;
/** Two zero blocks: the end of every tar in an Artifact. As with mender-artifact, no padding to a record follows. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);
/** The largest size that eleven octal digits can hold. */
const MAX_OCTAL_BYTES = 0o77777777777;
const MAX_NAME_BYTES = 100;
/** As GNU tar, Go and libarchive call it; readers use only its content. */
const PAX_NAME = "PaxHeaders.0/name";
/** Readers may refuse half a character, even in a block whose name a PAX header replaces. */
const NOT_ASCII = /[^ -~]/g;

export interface TarEntry {
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Yields exactly `sizeBytes` bytes. */
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

type TarMember = Pick<TarEntry, "name" | "mode" | "sizeBytes">;

/** A whole tar of plain files, as a stream of chunks of any size. */
export async function* tarOf(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) yield* tarEntry(entry);
  yield TAR_END;
}

/** Header, content and padding of one plain file. */
export async function* tarEntry(entry: TarEntry): AsyncGenerator<Uint8Array> {
  yield tarHeader(entry);
  yield* entry.content;
  yield tarPadding(entry.sizeBytes);
}

export function entryOf(name: string, mode: number, content: Uint8Array): TarEntry {
  return { name, mode, sizeBytes: content.length, content: [content] };
}

/**
 * The header of a plain file: one block, unless the name is longer than 100 bytes or is not ASCII. A PAX header then
 * precedes the block, because the block alone cannot hold such a name.
 */
export function tarHeader(member: TarMember): Uint8Array {
  const name = Buffer.from(member.name);
  if (name.length <= MAX_NAME_BYTES && name.length === member.name.length) return headerBlock(member, "0");
  const record = paxRecord(`path=${member.name}`);
  return Buffer.concat([
    headerBlock({ name: PAX_NAME, mode: member.mode, sizeBytes: record.length }, "x"),
    record,
    tarPadding(record.length),
    headerBlock(member, "0"),
  ]);
}

export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** Owner, group and time are the same for each member, so that no data of the build machine enters an Artifact. */
function headerBlock({ name, mode, sizeBytes }: TarMember, type: "0" | "x"): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name.replace(NOT_ASCII, "").slice(0, MAX_NAME_BYTES), 0, "latin1");
  block.write(octal(mode, 6) + octal(0, 6) + octal(0, 6), 100, "latin1");
  block.set(sizeField(sizeBytes), 124);
  block.write(octal(0, 11), 136, "latin1");
  block.write(`        ${type}`, 148, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(0, 6) + octal(0, 6), 329, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(octal(sum, 6), 148, "latin1");
  return block;
}

/** Twelve bytes: octal, or base 256 for a size over 8 GiB. */
function sizeField(sizeBytes: number): Buffer {
  if (sizeBytes <= MAX_OCTAL_BYTES) return Buffer.from(octal(sizeBytes, 11), "latin1");
  const field = Buffer.alloc(12);
  field.writeUInt8(0x80);
  field.writeBigUInt64BE(BigInt(sizeBytes), 4);
  return field;
}

/** The digits and the space that ends them; where the field has one more byte, that is a NUL. */
const octal = (value: number, digits: number): string =>
  `${value.toString(8).padStart(digits, "0")} ${digits === 6 ? "\0" : ""}`;

/** A PAX record begins with its own length, and the length counts its own digits. */
function paxRecord(field: string): Buffer {
  const rest = ` ${field}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes;
  while (length !== restBytes + String(length).length) length = restBytes + String(length).length;
  return Buffer.from(`${length}${rest}`);
}
