import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { AgentError } from "../../src/errors/agent-error.ts";
import {
  type ArtifactParts,
  artifact,
  gnuLongName,
  HEADER_INFO,
  HEADER_INFO_ENTRY,
  IMAGE,
  META_DATA_ENTRY,
  pax,
  sha256,
  type TarEntry,
  TYPE_INFO,
  TYPE_INFO_ENTRY,
  tar,
  ZERO_BLOCKS,
} from "./odd-artifacts.ts";
import { inPieces, readAll } from "./read-all.ts";

const image = { name: "image", content: IMAGE };
const header = (...entries: TarEntry[]): ArtifactParts => ({ header: entries });
/** Changes the list of outer members: version, manifest, header.tar, data/0000.tar. */
const outer = (change: (members: readonly TarEntry[]) => (TarEntry | undefined)[]): ArtifactParts => ({
  members: (members) => change(members).filter((member) => member !== undefined),
});
const before = (name: string, entry: TarEntry): ArtifactParts =>
  outer((members) => members.flatMap((member) => (member.name === name ? [entry, member] : [member])));

const HEADER = [HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, META_DATA_ENTRY];
const headerSize = (sizeField: string | Uint8Array): ArtifactParts =>
  header({ ...HEADER_INFO_ENTRY, sizeField }, TYPE_INFO_ENTRY);
const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

const CASES: readonly [oddity: string, parts: ArtifactParts, code: string][] = [
  ["outer member that climbs out", before("version", { name: "../version" }), "ARTIFACT_MEMBER_NAME"],
  ["outer member with an absolute name", before("manifest", { name: "/etc/passwd" }), "ARTIFACT_MEMBER_NAME"],
  ["outer member with a control character", before("version", { name: "ver\x1b[2Jsion" }), "ARTIFACT_MEMBER_NAME"],
  ["outer member with a second name after a NUL", before("version", { name: "version\0x" }), "ARTIFACT_MEMBER_NAME"],
  ["outer symbolic link", before("manifest", { name: "manifest", type: "2" }), "ARTIFACT_MEMBER_TYPE"],
  ["outer hard link", before("manifest", { name: "manifest", type: "1" }), "ARTIFACT_MEMBER_TYPE"],
  ["outer device", before("header.tar", { name: "header.tar", type: "3" }), "ARTIFACT_MEMBER_TYPE"],
  ["outer directory with a size", before("version", { name: "d/", type: "5", content: "x" }), "ARTIFACT_MEMBER_TYPE"],
  ["version twice", before("manifest", { name: "version", content: "{}" }), "ARTIFACT_MEMBER_DUPLICATE"],
  ["data member twice", outer((all) => [...all, all[3]]), "ARTIFACT_MEMBER_DUPLICATE"],
  ["no version", outer(([, ...rest]) => rest), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["no manifest", outer(([a, , c, d]) => [a, c, d]), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["no header", outer(([a, b, , d]) => [a, b, d]), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["no data", outer(([a, b, c]) => [a, b, c]), "ARTIFACT_MEMBER_MISSING"],
  ["nothing but the end of an archive", outer(() => []), "ARTIFACT_MEMBER_MISSING"],
  ["manifest before version", outer(([a, b, ...rest]) => [b, a, ...rest]), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["data before header", outer(([a, b, c, d]) => [a, b, d, c]), "ARTIFACT_MEMBER_UNEXPECTED"],
  [
    "second payload that the header does not know",
    outer((all) => [...all, { name: "data/0001.tar" }]),
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  ["stranger after the data", outer((all) => [...all, { name: "extra" }]), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["manifest-augment", before("header.tar", { name: "manifest-augment" }), "ARTIFACT_AUGMENTED"],
  ["header-augment", before("data/0000.tar", { name: "header-augment.tar" }), "ARTIFACT_AUGMENTED"],
  ["bytes after the end", { end: Buffer.concat([ZERO_BLOCKS, Buffer.from("x")]) }, "ARTIFACT_TRAILING_DATA"],
  ["bytes in the second zero block", { end: Buffer.alloc(1024, "\0".repeat(600) + "x") }, "ARTIFACT_TRAILING_DATA"],
  [
    "header with a wrong checksum",
    outer(([a, b, c, d]) => [a, b, { ...c, name: "header.tar", content: tar([]) }, d]),
    "ARTIFACT_CHECKSUM",
  ],
  [
    "version that differs from the manifest",
    outer(([a, ...rest]) => [{ name: "version", content: `${a?.content} ` }, ...rest]),
    "ARTIFACT_CHECKSUM",
  ],
  ["version 1", { version: '{"format":"mender","version":1}' }, "ARTIFACT_VERSION"],
  ["version 2 on a device", { version: '{"format":"mender","version":2}' }, "ARTIFACT_VERSION"],
  ["version 4", { version: '{"format":"mender","version":4}' }, "ARTIFACT_VERSION"],
  ["other format", { version: '{"format":"render","version":3}' }, "ARTIFACT_HEADER"],
  ["version that is no JSON", { version: "3" + "[".repeat(9) }, "ARTIFACT_HEADER"],
  ["manifest without lines", { manifest: "" }, "ARTIFACT_MANIFEST"],
  ["manifest of one long word", { manifest: "x".repeat(70_000) }, "ARTIFACT_MANIFEST"],
  ["manifest with an unknown name", { manifestExtra: `${sha256("")}  other\n` }, "ARTIFACT_MANIFEST"],
  ["manifest with a name twice", { manifestExtra: `${sha256("")}  version\n` }, "ARTIFACT_MEMBER_DUPLICATE"],
  ["manifest with upper-case hex", { manifestExtra: `${"A".repeat(64)}  data/0000/x\n` }, "ARTIFACT_MANIFEST"],
  [
    "manifest with a file that climbs out",
    { manifestExtra: `${sha256("")}  data/0000/../x\n` },
    "ARTIFACT_MEMBER_NAME",
  ],
  ["manifest with a file in a folder", { manifestExtra: `${sha256("")}  data/0000/a/b\n` }, "ARTIFACT_MEMBER_NAME"],
  ["manifest with a file of no payload", { manifestExtra: `${sha256("")}  data/0001/x\n` }, "ARTIFACT_MANIFEST"],
  [
    "manifest with a file that is not there",
    { manifestExtra: `${sha256("")}  data/0000/x\n` },
    "ARTIFACT_MEMBER_MISSING",
  ],
  [
    "file that the manifest does not have",
    { dataBytes: tar([image, { name: "extra" }]) },
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  ["file that differs from the manifest", { dataBytes: tar([{ name: "image", content: "x" }]) }, "ARTIFACT_CHECKSUM"],
  ["empty file where the manifest has a full one", { dataBytes: tar([{ name: "image" }]) }, "ARTIFACT_CHECKSUM"],
  ["file twice", { dataBytes: tar([image, image]) }, "ARTIFACT_MEMBER_DUPLICATE"],
  ["file that climbs out", { dataBytes: tar([{ name: "../image" }]) }, "ARTIFACT_MEMBER_NAME"],
  ["file with an absolute name", { dataBytes: tar([{ name: "/image" }]) }, "ARTIFACT_MEMBER_NAME"],
  ["file in a folder", { dataBytes: tar([{ name: "a/image" }]) }, "ARTIFACT_MEMBER_NAME"],
  ["file with a space", { dataBytes: tar([{ name: "an image" }]) }, "ARTIFACT_MEMBER_NAME"],
  ["file whose PAX name has a NUL", { dataBytes: tar([pax({ path: "image\0x" }), image]) }, "ARTIFACT_MEMBER_NAME"],
  ["file whose GNU name climbs out", { dataBytes: tar([gnuLongName("../image"), image]) }, "ARTIFACT_MEMBER_NAME"],
  ["symbolic link in the data", { dataBytes: tar([{ name: "image", type: "2" }]) }, "ARTIFACT_MEMBER_TYPE"],
  ["hard link in the data", { dataBytes: tar([{ name: "image", type: "1" }]) }, "ARTIFACT_MEMBER_TYPE"],
  ["block device in the data", { dataBytes: tar([{ name: "image", type: "4" }]) }, "ARTIFACT_MEMBER_TYPE"],
  ["sparse file in the data", { dataBytes: tar([pax({ "GNU.sparse.major": "1" }), image]) }, "ARTIFACT_MEMBER_TYPE"],
  [
    "bytes after the end of the data",
    { dataBytes: Buffer.concat([tar([image]), Buffer.from("x")]) },
    "ARTIFACT_TRAILING_DATA",
  ],
  ["data that ends without its zero blocks", { dataBytes: tar([image], Buffer.alloc(512)) }, "ARTIFACT_TRUNCATED"],
  ["data of no bytes", { dataBytes: Buffer.alloc(0) }, "ARTIFACT_TRUNCATED"],
  ["data that is no gzip", { gzip: true, dataBytes: tar([image]) }, "ARTIFACT_COMPRESSED_DATA"],
  [
    "bytes after the gzip data",
    { gzip: true, dataBytes: Buffer.concat([gzipSync(tar([image])), Buffer.from("x")]) },
    "ARTIFACT_COMPRESSED_DATA",
  ],
  [
    "zeros after the gzip data",
    { gzip: true, dataBytes: Buffer.concat([gzipSync(tar([image])), ZERO_BLOCKS]) },
    "ARTIFACT_COMPRESSED_DATA",
  ],
  ["gzip data cut off", { gzip: true, dataBytes: gzipSync(tar([image])).subarray(0, -3) }, "ARTIFACT_COMPRESSED_DATA"],
  ["header that climbs out", header({ name: "scripts/../../x" }), "ARTIFACT_MEMBER_NAME"],
  ["header with an absolute name", header({ name: "/header-info" }), "ARTIFACT_MEMBER_NAME"],
  ["header with a control character", header({ name: "header-info\n" }), "ARTIFACT_MEMBER_NAME"],
  ["header with a NUL in a PAX name", header(pax({ path: "a\0b" }), HEADER_INFO_ENTRY), "ARTIFACT_MEMBER_NAME"],
  ["header with a symbolic link", header({ name: "header-info", type: "2" }), "ARTIFACT_MEMBER_TYPE"],
  ["header with a hard link", header({ name: "header-info", type: "1" }), "ARTIFACT_MEMBER_TYPE"],
  ["header with a device", header({ name: "header-info", type: "3" }), "ARTIFACT_MEMBER_TYPE"],
  ["header with an unknown type", header({ name: "header-info", type: "Z" }), "ARTIFACT_MEMBER_TYPE"],
  ["header with header-info twice", header(HEADER_INFO_ENTRY, HEADER_INFO_ENTRY), "ARTIFACT_MEMBER_DUPLICATE"],
  ["header without header-info", header(TYPE_INFO_ENTRY), "ARTIFACT_MEMBER_UNEXPECTED"],
  ["header without type-info", header(HEADER_INFO_ENTRY), "ARTIFACT_MEMBER_MISSING"],
  [
    "header with meta-data before type-info",
    header(HEADER_INFO_ENTRY, META_DATA_ENTRY, TYPE_INFO_ENTRY),
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  [
    "header with a script of another state",
    header(HEADER_INFO_ENTRY, { name: "scripts/Idle_Enter_00" }, TYPE_INFO_ENTRY),
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  [
    "header with a script at the end",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, { name: "scripts/ArtifactInstall_Enter_00" }),
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  [
    "header with a stranger",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, { name: "readme" }),
    "ARTIFACT_MEMBER_UNEXPECTED",
  ],
  ["header that is no tar", { headerBytes: Buffer.alloc(2048, "junk") }, "ARTIFACT_TAR_HEADER"],
  ["header cut off", { headerBytes: tar([HEADER_INFO_ENTRY]).subarray(0, 700) }, "ARTIFACT_TRUNCATED"],
  ["header without its zero blocks", { headerBytes: tar([...HEADER], Buffer.alloc(0)) }, "ARTIFACT_TRUNCATED"],
  [
    "bytes after the end of the header",
    { headerBytes: Buffer.concat([tar(HEADER), Buffer.from("x")]) },
    "ARTIFACT_TRAILING_DATA",
  ],
  ["header member of a negative size", headerSize(base256(2n ** 64n - 1n, 0xff)), "ARTIFACT_TAR_HEADER"],
  ["header member of a decimal size", headerSize("00000000089\0"), "ARTIFACT_TAR_HEADER"],
  ["header member of a size with a NUL within", headerSize("0000\x000000123"), "ARTIFACT_TAR_HEADER"],
  ["header member of a size without digits", headerSize("           \0"), "ARTIFACT_TAR_HEADER"],
  ["header member of a size of NULs", headerSize("\0".repeat(12)), "ARTIFACT_TAR_HEADER"],
  [
    "header member with a PAX size that is no number",
    header(pax({ size: "-1" }), HEADER_INFO_ENTRY),
    "ARTIFACT_TAR_HEADER",
  ],
  [
    "header member of a name that is not UTF-8",
    header(HEADER_INFO_ENTRY, { name: "scripts/ArtifactInstall_Enter_00_\xe9" }),
    "ARTIFACT_MEMBER_NAME",
  ],
  ["outer member of a name that is not UTF-8", before("version", { name: "v\xe9" }), "ARTIFACT_MEMBER_NAME"],
  [
    "data file of a size without digits",
    { dataBytes: tar([{ ...image, sizeField: "\0".repeat(12) }]) },
    "ARTIFACT_TAR_HEADER",
  ],
  [
    "provides with half a surrogate pair",
    header(HEADER_INFO_ENTRY, {
      ...TYPE_INFO_ENTRY,
      content: '{"type":"rootfs-image","artifact_provides":{"a":"\\ud800"}}',
    }),
    "ARTIFACT_HEADER",
  ],
  [
    "provides key with half a surrogate pair",
    header(HEADER_INFO_ENTRY, {
      ...TYPE_INFO_ENTRY,
      content: '{"type":"rootfs-image","artifact_provides":{"\\udc00":"a"}}',
    }),
    "ARTIFACT_HEADER",
  ],
  [
    "meta-data with half a surrogate pair",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, { ...META_DATA_ENTRY, content: '{"a":["\\ud800"]}' }),
    "ARTIFACT_HEADER",
  ],
  [
    "provides beyond their limit",
    { typeInfo: { ...TYPE_INFO, artifact_provides: Object.fromEntries(keys(10_001).map((key) => [key, ""])) } },
    "ARTIFACT_LIMIT",
  ],
  [
    "depends beyond their limit",
    { typeInfo: { ...TYPE_INFO, artifact_depends: { a: keys(10_001) } } },
    "ARTIFACT_LIMIT",
  ],
  [
    "clears beyond their limit",
    { typeInfo: { ...TYPE_INFO, clears_artifact_provides: keys(10_001) } },
    "ARTIFACT_LIMIT",
  ],
  [
    "provides of more text than the store should hold",
    { typeInfo: { ...TYPE_INFO, artifact_provides: { a: "x".repeat(1024 * 1024) } } },
    "ARTIFACT_LIMIT",
  ],
  [
    "a group of more text than the store should hold",
    {
      headerInfo: {
        ...HEADER_INFO,
        artifact_provides: { artifact_name: "a", artifact_group: "x".repeat(1024 * 1024) },
      },
    },
    "ARTIFACT_LIMIT",
  ],
  [
    "type-info of more values than can be parsed cheaply",
    { typeInfo: { ...TYPE_INFO, unknown: Array.from({ length: 100_001 }, () => []) } },
    "ARTIFACT_LIMIT",
  ],
  [
    "clears with a star before their end beyond their limit",
    { typeInfo: { ...TYPE_INFO, clears_artifact_provides: keys(101).map((key) => `*${key}`) } },
    "ARTIFACT_LIMIT",
  ],
  ["zeros without end after the last member", { end: Buffer.alloc(64 * 1024 * 1024 + 70_000) }, "ARTIFACT_LIMIT"],
  [
    "header-info larger than its limit",
    header({ name: "header-info", content: Buffer.alloc(5_000_000) }),
    "ARTIFACT_LIMIT",
  ],
  ["header-info that claims 8 GiB", header({ name: "header-info", sizeField: base256(2n ** 33n) }), "ARTIFACT_LIMIT"],
  ["payload with an empty type", { headerInfo: { ...HEADER_INFO, payloads: [{ type: "" }] } }, "ARTIFACT_HEADER"],
  ["no payloads", { headerInfo: { ...HEADER_INFO, payloads: [] } }, "ARTIFACT_HEADER"],
  ["no device type", { headerInfo: { ...HEADER_INFO, artifact_depends: { device_type: [] } } }, "ARTIFACT_HEADER"],
  [
    "name with an escape sequence",
    { headerInfo: { ...HEADER_INFO, artifact_provides: { artifact_name: "a\x1b[2J" } } },
    "ARTIFACT_HEADER",
  ],
  [
    "name of 300 bytes",
    { headerInfo: { ...HEADER_INFO, artifact_provides: { artifact_name: "a".repeat(300) } } },
    "ARTIFACT_HEADER",
  ],
  ["provides that are no strings", { typeInfo: { ...TYPE_INFO, artifact_provides: { a: 1 } } }, "ARTIFACT_HEADER"],
  ["type-info without a type", { typeInfo: {} }, "ARTIFACT_HEADER"],
  ["type-info of another type", { headerInfo: { ...HEADER_INFO, payloads: [{ type: "a" }] } }, "ARTIFACT_HEADER"],
  [
    "empty payload with files",
    { headerInfo: { ...HEADER_INFO, payloads: [{ type: null }] }, typeInfo: { type: null } },
    "ARTIFACT_HEADER",
  ],
  [
    "meta-data that is a list",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, { ...META_DATA_ENTRY, content: "[]" }),
    "ARTIFACT_HEADER",
  ],
  [
    "meta-data nested 5,000 deep",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, {
      ...META_DATA_ENTRY,
      content: `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
    }),
    "ARTIFACT_HEADER",
  ],
  [
    "meta-data that is not UTF-8",
    header(HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, { ...META_DATA_ENTRY, content: Buffer.from([0xff]) }),
    "ARTIFACT_HEADER",
  ],
];

function base256(size: bigint, first = 0x80): Buffer {
  const field = Buffer.alloc(12);
  field.writeBigUInt64BE(size, 4);
  field[0] = first;
  return field;
}

test.each(CASES)("refuses an Artifact by name: %s", async (_, parts, code) => {
  await expect(refusal(artifact(parts))).resolves.toBe(code);
});

async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await readAll(bytes).catch((reason: unknown) => reason);
  return error instanceof AgentError ? error.code : `no AgentError but ${String(error)}`;
}

test("reads the Artifact that the odd ones are made of", async () => {
  const { payloads } = await readAll(artifact());
  expect(payloads).toEqual([[image]]);
});

test("accepts zeros after the end", async () => {
  const { payloads } = await readAll(artifact({ end: Buffer.alloc(200_000) }));
  expect(payloads).toEqual([[image]]);
});

test.each([false, true])("refuses a file cut off at any block, compressed: %s", async (gzip) => {
  const whole = artifact({ gzip });
  for (let length = 0; length < whole.length; length += 512) {
    expect(await refusal(whole.subarray(0, length)), `cut to ${length}`).toBe("ARTIFACT_TRUNCATED");
  }
});

test("refuses a file cut off at any byte", async () => {
  const whole = artifact();
  for (let length = 1; length < whole.length; length += 97) {
    expect(await refusal(whole.subarray(0, length)), `cut to ${length}`).toBe("ARTIFACT_TRUNCATED");
  }
});

test.each([1, 511, 512, 513, 5000])("reads from a source that brings %i bytes at a time", async (pieceBytes) => {
  for (const gzip of [false, true]) {
    for (const chunkBytes of [1, 513, 70_000]) {
      const { payloads } = await readAll(inPieces(artifact({ gzip }), pieceBytes), {}, chunkBytes);
      expect(payloads).toEqual([[image]]);
    }
  }
});

test("refuses a gzip bomb in the header before it has grown, in memory that is bounded", async () => {
  const piece = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  const whole = gzipSync(tar([HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, META_DATA_ENTRY]));
  const headerBytes = Buffer.concat([whole, ...Array.from({ length: 160 }, () => piece)]);
  const bomb = artifact({ gzip: true, headerBytes });
  const before = process.memoryUsage().rss;
  expect(await refusal(bomb)).toBe("ARTIFACT_LIMIT");
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});

test("refuses zeros without end after the data, where they cost nothing to send", async () => {
  const piece = gzipSync(Buffer.alloc(1024 * 1024), { level: 9 });
  const dataBytes = Buffer.concat([gzipSync(tar([image])), ...Array.from({ length: 70 }, () => piece)]);
  expect(await refusal(artifact({ gzip: true, dataBytes }))).toBe("ARTIFACT_LIMIT");
});

test("refuses documents that together are larger than their limit", async () => {
  const documents = [HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, META_DATA_ENTRY];
  const bytes = documents.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  const read = (documentsBytes: number) => readAll(artifact({ header: documents }), { limits: { documentsBytes } });
  await expect(read(bytes - 1)).rejects.toMatchObject({ code: "ARTIFACT_LIMIT" });
  await expect(read(bytes)).resolves.toMatchObject({ payloads: [[image]] });
});

test("refuses more members than the limit allows", async () => {
  const folders = Array.from({ length: 20 }, (_, index) => ({ name: `d${index}/`, type: "5" }));
  const bytes = artifact({ dataBytes: tar([...folders, image]) });
  await expect(readAll(bytes, { limits: { members: 20 } })).rejects.toMatchObject({ code: "ARTIFACT_LIMIT" });
  await expect(readAll(bytes)).resolves.toMatchObject({ payloads: [[image]] });
});
