import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { decompress } from "../../../src/artifact/compression/decompress.ts";
import { formatOf } from "../../../src/artifact/compression/formats.ts";
import { inPieces } from "../read-all.ts";

const CONTENT = Buffer.alloc(300_000, "content of a tar ");

/** A frame that decompressors skip; pzstd writes one before each of its frames. */
function skippable(content: Buffer, kind = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + kind, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

test.each([0, 15])("a zstd member may begin with a skippable frame, and hold others (kind %i)", async (kind) => {
  const frame = execFileSync("zstd", ["-q", "-c"], { input: CONTENT });
  const mark = skippable(Buffer.from([1, 2, 3, 4]), kind);
  const format = formatOf("data/0000.tar.zst", "data/0000");
  if (format === undefined) throw new Error("zstd has a suffix");
  const source = await decompress(inPieces(Buffer.concat([mark, frame, mark, frame]), 1000), format);
  const into = Buffer.alloc(2 * CONTENT.length + 1);
  let filled = 0;
  for (let count = -1; count !== 0; filled += count) count = await source.read(into.subarray(filled));
  await source.close();
  expect(into.subarray(0, filled).equals(Buffer.concat([CONTENT, CONTENT]))).toBe(true);
});
