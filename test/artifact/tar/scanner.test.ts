import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../src/artifact/limits.ts";
import { TarScanner } from "../../../src/artifact/tar/scanner.ts";
import type { ByteSource } from "../../../src/util/byte-source.ts";
import { gnuLongName, pax, type TarEntry, tar } from "../odd-artifacts.ts";
import { inPieces } from "../read-all.ts";

const LONG = `${"folder/".repeat(30)}file`;
const base256 = (size: bigint, first = 0x80): Buffer => {
  const field = Buffer.alloc(12);
  field.writeBigUInt64BE(size, 4);
  field[0] = first;
  return field;
};

async function names(entries: readonly TarEntry[], end?: Uint8Array): Promise<(string | number)[]> {
  const scanner = new TarScanner(inPieces(tar(entries, end), 100), "test", DEFAULT_LIMITS);
  const found: (string | number)[] = [];
  for (let member = await scanner.next(); member !== undefined; member = await scanner.next()) {
    found.push(member.name, member.sizeBytes);
  }
  return found;
}

test.each<[string, readonly TarEntry[], (string | number)[]]>([
  ["plain files", [{ name: "a", content: "12345" }, { name: "b" }], ["a", 5, "b", 0]],
  ["a file of exactly one block", [{ name: "a", content: Buffer.alloc(512) }, { name: "b" }], ["a", 512, "b", 0]],
  ["the NUL that old archives have as type", [{ name: "a", type: "\0" }], ["a", 0]],
  ["directories, which it passes over", [{ name: "d/", type: "5" }, { name: "d/a" }], ["d/a", 0]],
  ["a ustar prefix", [{ name: "a", change: (block) => block.write("pre/fix", 345) }], ["pre/fix/a", 0]],
  ["GNU's own magic, with its times where the prefix would be", [gnu({ name: "a", content: "1" })], ["a", 1]],
  [
    "a PAX name",
    [pax({ path: LONG, mtime: "1.5" }), { name: "short", content: "1" }, { name: "b" }],
    [LONG, 1, "b", 0],
  ],
  ["a GNU long name", [gnuLongName(LONG), { name: "short", content: "1" }, { name: "b" }], [LONG, 1, "b", 0]],
  ["a PAX name over a GNU one", [gnuLongName("gnu"), pax({ path: "pax" }), { name: "short" }], ["pax", 0]],
  ["a PAX size over the header's", [pax({ size: "3" }), { name: "a", content: "123", sizeField: "0" }], ["a", 3]],
  ["a PAX name that belongs to a directory", [pax({ path: "d/" }), { name: "x", type: "5" }, { name: "a" }], ["a", 0]],
  ["a global PAX comment", [pax({ comment: "0123abc" }, "g"), { name: "a" }], ["a", 0]],
  ["a size in base 256", [{ name: "a", content: "123", sizeField: base256(3n) }], ["a", 3]],
  ["a size with spaces around it", [{ name: "a", content: "123", sizeField: "         3 \0" }], ["a", 3]],
])("reads %s", async (_, entries, expected) => {
  await expect(names(entries)).resolves.toEqual(expected);
});

function gnu(entry: TarEntry): TarEntry {
  return {
    ...entry,
    change: (block) => {
      block.write("ustar  \0", 257, "latin1");
      block.write("14000000000\0", 345, "latin1");
    },
  };
}

test.each<[string, readonly TarEntry[], string]>([
  ["a size beyond 2^53", [{ name: "a", sizeField: base256(2n ** 53n) }], "ARTIFACT_TAR_HEADER"],
  ["a negative size", [{ name: "a", sizeField: base256(2n ** 64n - 1n, 0xff) }], "ARTIFACT_TAR_HEADER"],
  ["a size that is no number", [{ name: "a", sizeField: "0000000009\0" }], "ARTIFACT_TAR_HEADER"],
  [
    "a size of 64 bits that the file does not have",
    [{ name: "a", sizeField: base256(2n ** 40n) }],
    "ARTIFACT_TRUNCATED",
  ],
  ["a wrong magic", [{ name: "a", change: (block) => block.write("uztar", 257) }], "ARTIFACT_TAR_HEADER"],
  ["a PAX size that is no number", [pax({ size: "-1" }), { name: "a" }], "ARTIFACT_TAR_HEADER"],
  ["a PAX record without a length", [{ name: "x", type: "x", content: "path=a\n" }], "ARTIFACT_TAR_HEADER"],
  ["a PAX record longer than its header", [{ name: "x", type: "x", content: "99 path=a\n" }], "ARTIFACT_TAR_HEADER"],
  ["a PAX record without a key", [{ name: "x", type: "x", content: "5 ab\n" }], "ARTIFACT_TAR_HEADER"],
  ["a PAX header for nobody", [pax({ path: "a" })], "ARTIFACT_TAR_HEADER"],
  ["a global PAX name", [pax({ path: "a" }, "g"), { name: "b" }], "ARTIFACT_TAR_HEADER"],
  ["a global PAX size", [pax({ size: "1" }, "g"), { name: "b" }], "ARTIFACT_TAR_HEADER"],
  ["a PAX header of a megabyte", [pax({ comment: "x".repeat(1_000_000) }), { name: "a" }], "ARTIFACT_LIMIT"],
  ["a long name of 5,000 characters", [gnuLongName("x".repeat(5000)), { name: "a" }], "ARTIFACT_MEMBER_NAME"],
  ["an empty name", [{ name: "" }], "ARTIFACT_MEMBER_NAME"],
  ["a fifo", [{ name: "a", type: "6" }], "ARTIFACT_MEMBER_TYPE"],
  ["a contiguous file", [{ name: "a", type: "7" }], "ARTIFACT_MEMBER_TYPE"],
])("refuses %s", async (_, entries, code) => {
  await expect(names(entries)).rejects.toMatchObject({ name: "AgentError", code });
});

test("refuses a header whose checksum does not fit", async () => {
  const bytes = tar([{ name: "a" }]);
  bytes.writeUInt8(0x62, 0);
  const scanner = new TarScanner(inPieces(bytes, 512), "test", DEFAULT_LIMITS);
  await expect(scanner.next()).rejects.toMatchObject({ code: "ARTIFACT_TAR_HEADER", detail: { reason: "checksum" } });
});

test("hands the caller's buffer through to the source and stays synchronous where the source is", async () => {
  const bytes = tar([{ name: "a", content: "x".repeat(700) }]);
  const buffers: ArrayBufferLike[] = [];
  let at = 0;
  const source: ByteSource = {
    read(into) {
      buffers.push(into.buffer);
      const count = bytes.copy(into, 0, at, at + into.length);
      at += count;
      return count;
    },
    async close() {},
  };
  const scanner = new TarScanner(source, "test", DEFAULT_LIMITS);
  await scanner.next();
  const into = new Uint8Array(1000);
  expect(scanner.read(into)).toBe(700);
  expect(buffers.at(-1)).toBe(into.buffer);
  expect(scanner.read(into)).toBe(0);
  await expect(scanner.next()).resolves.toBeUndefined();
});
