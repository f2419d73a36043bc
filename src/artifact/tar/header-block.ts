import { AgentError } from "../../errors/agent-error.ts";

export const BLOCK_BYTES = 512;

/** The fields of a tar header that an Artifact uses. */
export interface TarHeader {
  readonly name: string;
  readonly size: number;
  /** One character; a NUL from an old archive becomes "0". */
  readonly type: string;
  /** Time of the last change, in seconds since 1970. */
  readonly modified: number;
}

const damaged = (reason: string): AgentError => new AgentError("ARTIFACT_TAR_HEADER", { reason });

/**
 * Parses one header block of a POSIX ustar or GNU tar.
 *
 * @param block 512 bytes
 * @returns `undefined` for a block of zeros, which marks the end of an archive
 * @throws {AgentError} ARTIFACT_TAR_HEADER, ARTIFACT_MEMBER_NAME
 */
export function parseHeaderBlock(block: Buffer): TarHeader | undefined {
  const sum = checksum(block);
  if (sum === EMPTY_SUM && block.every((byte) => byte === 0)) return undefined;
  if (readChecksum(block) !== sum) throw damaged("checksum");
  const magic = block.toString("latin1", 257, 265);
  if (magic !== "ustar\u000000" && magic !== "ustar  \0") throw damaged("not ustar");
  const name = readName(block, 0, 100);
  // GNU stores other data in the place of the POSIX prefix.
  const prefix = magic === "ustar\u000000" ? readName(block, 345, 155) : "";
  const type = block.toString("latin1", 156, 157);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size: readSize(block),
    type: type === "\0" ? "0" : type,
    modified: readTime(block),
  };
}

/** Sum of a block of zeros: the checksum field itself counts as eight spaces. */
const EMPTY_SUM = 8 * 32;

function checksum(block: Buffer): number {
  let sum = EMPTY_SUM;
  for (const byte of block) sum += byte;
  for (const byte of block.subarray(148, 156)) sum -= byte;
  return sum;
}

/** Accepts only the forms that writers use, because the checksum does not cover this field itself. */
function readChecksum(block: Buffer): number | undefined {
  const digits = /^(?:([0-7]{6})(?:\0 | \0)|([0-7]{7})[\0 ])$/.exec(block.toString("latin1", 148, 156));
  return digits === null ? undefined : Number.parseInt(digits[1] ?? digits[2] ?? "", 8);
}

function readName(block: Buffer, start: number, length: number): string {
  const field = block.toString("latin1", start, start + length);
  const end = field.indexOf("\0");
  if (end === -1) return field;
  // A second name after the first one's NUL could trick readers that parse the field differently.
  if (/[^\0]/.test(field.slice(end))) {
    throw new AgentError("ARTIFACT_MEMBER_NAME", { name: field, reason: "control character" });
  }
  return field.slice(0, end);
}

function readOctal(block: Buffer, start: number, length: number, field: string): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(block.toString("latin1", start, start + length))?.[1];
  if (digits === undefined) throw damaged(field);
  return Number.parseInt(digits, 8);
}

/** For display only: a time that is invalid or before 1970 becomes 1970. */
function readTime(block: Buffer): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(block.toString("latin1", 136, 148))?.[1];
  return Number.parseInt(digits ?? "0", 8);
}

/** Octal, or GNU's base 256: first byte 0x80, then a big-endian number. */
function readSize(block: Buffer): number {
  const first = block.readUInt8(124);
  if (first < 0x80) return readOctal(block, 124, 12, "size");
  const high = block.readUInt32BE(124);
  const low = block.readBigUInt64BE(128);
  if (high !== 0x80000000 || low > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged("size");
  return Number(low);
}
