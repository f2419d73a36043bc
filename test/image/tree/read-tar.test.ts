import { expect, test } from "vitest";
import { readTar } from "../../../image/tree/read-tar.ts";

const BLOCK = 512;

function member(name: string, flag: string, content: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, "latin1");
  block.write("0000644\u00000000000\u00000000000\u0000", 100, "latin1");
  block.write(`${content.length.toString(8).padStart(11, "0")}\u000000000000000\u0000        ${flag}`, 124, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return Buffer.concat([block, Buffer.from(content), Buffer.alloc(-content.length & (BLOCK - 1))]);
}

async function namesIn(archive: Buffer): Promise<readonly string[]> {
  const names: string[] = [];
  async function* source(): AsyncGenerator<Uint8Array> {
    yield archive;
  }
  for await (const { path } of readTar(source(), "rootfs.tar")) names.push(path);
  return names;
}

/** In all of these, the content of the last member is missing. */
test.each([
  ["a global header", member("pax", "g", "15 comment=abc\n")],
  ["a header with attributes", member("pax", "x", "15 comment=abc\n")],
  ["a long name", member("././@LongLink", "L", "a-long-name")],
  ["a file", member("b", "0", "content")],
])("an archive that is cut off in %s is refused", async (_what, last) => {
  const first = member("a", "0", "content");
  const file = member("c", "0", "content");
  const whole = Buffer.concat([first, last, file, Buffer.alloc(2 * BLOCK)]);
  expect(await namesIn(whole)).toContain("a");
  const cut = whole.subarray(0, first.length + BLOCK);
  await expect(namesIn(cut)).rejects.toMatchObject({ code: "IMAGE_INPUT", detail: { path: "rootfs.tar" } });
});
