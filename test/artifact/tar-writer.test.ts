import { extract } from "tar-stream";
import { expect, test } from "vitest";
import { entryOf, tarHeader, tarOf, tarPadding } from "../../src/artifact/tar-writer.ts";

test("a header is one ustar block without a trace of the build machine, and passes as ustar elsewhere", async () => {
  const header = Buffer.from(await tarHeader({ name: "data/0000.tar.gz", mode: 0o600, sizeBytes: 513 }));
  expect(header).toHaveLength(512);
  expect(header.toString("latin1", 0, 100).replace(/\0+$/, "")).toBe("data/0000.tar.gz");
  expect(header.toString("latin1", 100, 148).replaceAll("\0", " ")).toBe(
    "000600  000000  000000  00000001001 00000000000 ",
  );
  expect(header.toString("latin1", 156, 157)).toBe("0");
  expect(header.toString("latin1", 257, 265)).toBe("ustar\u000000");
  expect(header.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
});

test("a size over 8 GiB is stored base-256 in the same one block", async () => {
  const header = Buffer.from(await tarHeader({ name: "big", mode: 0o600, sizeBytes: 20 * 1024 ** 3 }));
  expect(header).toHaveLength(512);
  expect(header.subarray(124, 136).toString("hex")).toBe("800000000000000500000000");
});

test("padding fills up the last block, and is nothing where there is none to fill", () => {
  expect([0, 1, 511, 512, 513].map((size) => tarPadding(size).length)).toEqual([0, 511, 1, 0, 511]);
});

test("another reader of tar finds what was written, empty files too", async () => {
  const found: [string, number | undefined, string][] = [];
  const reader = extract();
  const reading = (async () => {
    for await (const entry of reader) {
      const parts: Buffer[] = [];
      for await (const chunk of entry) parts.push(Buffer.from(chunk));
      found.push([entry.header.name, entry.header.size, Buffer.concat(parts).toString()]);
    }
  })();
  const entries = [entryOf("empty", 0o644, new Uint8Array(0)), entryOf("b", 0o644, Buffer.from("content"))];
  for await (const chunk of tarOf(entries)) reader.write(Buffer.from(chunk));
  reader.end();
  await reading;
  expect(found).toEqual([
    ["empty", 0, ""],
    ["b", 7, "content"],
  ]);
});
