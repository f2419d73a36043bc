import { AgentError } from "../../src/errors/agent-error.ts";
import type { TreeEntry } from "./entry.ts";
import { PulledBytes } from "./pulled-bytes.ts";
import { KINDS, parseHeader, parsePax, TAR_BLOCK, type TarHeader } from "./tar-header.ts";

const ATTRIBUTE = "SCHILY.xattr.";
const SPARSE = /^GNU\.sparse\./;
/** Far more than a path or a set of attributes needs. */
const MAX_TEXT_BYTES = 1024 * 1024;
const CUT_OFF = "the tar archive is cut off";

interface Extras {
  readonly records: ReadonlyMap<string, Buffer>;
  readonly name?: string;
  readonly target?: string;
}

/**
 * Reads a tar archive (ustar, GNU or pax). It keeps owners, times, devices, hard links and extended attributes, as binary
 * values.
 *
 * @param path for messages
 * @throws {AgentError} IMAGE_INPUT
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<TreeEntry> {
  const bytes = new PulledBytes(source);
  const refuse = (reason: string): AgentError => new AgentError("IMAGE_INPUT", { path, reason });
  let extras: Extras = { records: new Map() };
  let count = 0;
  for (;;) {
    const block = await bytes.exactly(TAR_BLOCK);
    if (block.length === 0 && count > 0) break;
    if (block.length < TAR_BLOCK) throw refuse(CUT_OFF);
    if (block.every((byte) => byte === 0)) break;
    const header = parseHeader(block);
    if (header === undefined) throw refuse("it is not a tar archive");
    count++;
    if (header.flag === "g") {
      if ((await bytes.skip(padded(header.sizeBytes))) < header.sizeBytes) throw refuse(CUT_OFF);
      continue;
    }
    if ("xLK".includes(header.flag)) {
      if (header.sizeBytes > MAX_TEXT_BYTES) throw refuse("a header of the tar archive is too large");
      const text = await bytes.exactly(padded(header.sizeBytes));
      if (text.length < header.sizeBytes) throw refuse(CUT_OFF);
      extras = withExtras(extras, header.flag, text.subarray(0, header.sizeBytes));
      continue;
    }
    const entry = entryOf(header, extras, bytes, refuse);
    extras = { records: new Map() };
    yield entry;
    await entry.finish();
  }
  await drain(bytes);
}

function withExtras(extras: Extras, flag: string, text: Buffer): Extras {
  if (flag === "x") return { ...extras, records: parsePax(Buffer.from(text)) };
  const value = text.toString("latin1").replace(/\0.*$/s, "");
  return flag === "L" ? { ...extras, name: value } : { ...extras, target: value };
}

function entryOf(
  header: TarHeader,
  { records, name, target }: Extras,
  bytes: PulledBytes,
  refuse: (reason: string) => AgentError,
): TreeEntry & { finish(): Promise<void> } {
  const kind = KINDS[header.flag];
  const pathText = records.get("path")?.toString("latin1") ?? name ?? header.name;
  const path = cleanPath(pathText);
  const isSparse = header.flag === "S" || [...records.keys()].some((key) => SPARSE.test(key));
  if (isSparse) throw refuse(`${pathText}: sparse files are not supported; write the archive without --sparse`);
  if (kind === undefined) throw refuse(`${pathText}: unknown kind of entry '${header.flag}'`);
  if (path.split("/").includes("..")) throw refuse(`${pathText}: the path contains ..`);
  const numberOf = (key: string, otherwise: number): number => {
    const record = records.get(key);
    return record === undefined ? otherwise : Math.floor(Number(record.toString("latin1")));
  };
  const sizeBytes = kind === "file" ? numberOf("size", header.sizeBytes) : 0;
  let left = sizeBytes;
  async function* content(): AsyncGenerator<Uint8Array> {
    while (left > 0) {
      const part = await bytes.some(left);
      if (part === undefined) throw refuse(CUT_OFF);
      left -= part.length;
      yield part;
    }
  }
  const attributes = new Map(
    [...records]
      .filter(([key]) => key.startsWith(ATTRIBUTE))
      .map(([key, value]) => [key.slice(ATTRIBUTE.length), value]),
  );
  const linked = records.get("linkpath")?.toString("latin1") ?? target ?? header.target;
  return {
    path,
    kind,
    mode: header.mode,
    uid: numberOf("uid", header.uid),
    gid: numberOf("gid", header.gid),
    mtime: numberOf("mtime", header.mtime),
    sizeBytes,
    target: kind === "hardlink" ? cleanPath(linked) : linked,
    major: header.major,
    minor: header.minor,
    attributes,
    content,
    async finish() {
      const rest = left + padded(sizeBytes) - sizeBytes;
      left = 0;
      if (rest > 0 && (await bytes.skip(rest)) < rest) throw refuse(CUT_OFF);
    },
  };
}

const padded = (sizeBytes: number): number => Math.ceil(sizeBytes / TAR_BLOCK) * TAR_BLOCK;

/** Reads what follows the end of the archive, so that the program that writes it does not fail. */
async function drain(bytes: PulledBytes): Promise<void> {
  while ((await bytes.some(Number.MAX_SAFE_INTEGER)) !== undefined);
  await bytes.end();
}

/** `./usr//bin/` becomes `usr/bin`, and `.` becomes the empty path of the root folder. */
const cleanPath = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
