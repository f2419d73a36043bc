import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { openForInstall } from "../../../src/core/install/open-artifact.ts";
import type { ByteSource } from "../../../src/util/byte-source.ts";
import { artifact, tar } from "../../artifact/odd-artifacts.ts";
import { inPieces } from "../../artifact/read-all.ts";

const CONTENT = Buffer.alloc(300_000, "an image that is large enough for more than one piece of memory. ");
const GOOD = artifact({ data: [{ name: "image", content: CONTENT }] });
/** The manifest speaks of another content. */
const DAMAGED = artifact({ dataBytes: tar([{ name: "image", content: CONTENT }]) });

/** An Artifact of which is said that it is so large that a thread hashes its payload. */
const large = (bytes: Uint8Array): ByteSource => ({ ...inPieces(bytes, 7000), totalBytes: 64 * 1024 * 1024 });

const threads = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;

/** Reads the one file through two pieces of shared memory in turn, as a slot's writer does. */
async function readShared(source: ByteSource): Promise<Buffer> {
  const memory = new SharedArrayBuffer(2 * 64 * 1024);
  const pieces = [0, 1].map((index) => new Uint8Array(memory, index * 64 * 1024, 64 * 1024));
  const opened = await openForInstall(source, { verifyKeys: [] });
  try {
    const file = await (await opened.payloads.next())?.stream.next();
    expect.assert(file !== undefined);
    const read: Buffer[] = [];
    for (let turn = 0; ; turn += 1) {
      const piece = pieces[turn % 2] ?? new Uint8Array();
      let filled = 0;
      while (filled < piece.length) {
        const count = await file.read(piece.subarray(filled));
        if (count === 0) break;
        filled += count;
      }
      if (filled === 0) break;
      read.push(Buffer.from(piece.subarray(0, filled)));
    }
    await opened.payloads.finish();
    return Buffer.concat(read);
  } finally {
    await opened.close();
  }
}

describe("a large Artifact, whose payload a thread hashes", () => {
  test("comes through as it is, and leaves no thread behind", async () => {
    const before = threads();
    expect((await readShared(large(GOOD))).equals(CONTENT)).toBe(true);
    expect(threads()).toBe(before);
  });

  test("is refused at its last bytes when it is damaged, and leaves no thread behind", async () => {
    const before = threads();
    await expect(readShared(large(DAMAGED))).rejects.toMatchObject({ code: "ARTIFACT_CHECKSUM" });
    expect(threads()).toBe(before);
  });

  test("leaves no thread behind when its header is no Artifact's", async () => {
    const before = threads();
    await expect(readShared(large(Buffer.alloc(10_000)))).rejects.toMatchObject({ code: "ARTIFACT_MEMBER_MISSING" });
    expect(threads()).toBe(before);
  });

  test("has a thread as long as it is open, where there is a processor for it", async () => {
    const before = threads();
    const opened = await openForInstall(large(GOOD), { verifyKeys: [] });
    expect(threads() > before).toBe(availableParallelism() > 1);
    await opened.close();
    expect(threads()).toBe(before);
  });
});
