import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { compress } from "../../../src/artifact/compression/compress.ts";
import { throughProgram } from "../../../src/artifact/compression/filter-program.ts";
import { eachPiece, inOrder, inPieces, PIECE_BYTES } from "../../../src/artifact/compression/pieces.ts";

const { signal } = new AbortController();

async function* chunksOf(content: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}
async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}
const content = Buffer.concat([randomBytes(PIECE_BYTES), Buffer.alloc(PIECE_BYTES * 1.5)]);

test("each gzip member contains its own length, so that a reader can start at any member", async () => {
  const packed = await all(compress("gzip", chunksOf(content, 100_000), signal));
  const pieces: Buffer[] = [];
  for (let at = 0; at < packed.length; ) {
    expect(packed.subarray(at, at + 16).toString("hex")).toBe("1f8b08040000000000ff080053420400");
    const length = packed.readUInt32LE(at + 16);
    pieces.push(gunzipSync(packed.subarray(at, at + length)));
    at += length;
  }
  expect(pieces.map((piece) => piece.length)).toEqual([PIECE_BYTES, PIECE_BYTES, PIECE_BYTES / 2]);
  expect(Buffer.compare(Buffer.concat(pieces), content)).toBe(0);
});

test("the sizes of the chunks that come in do not change what comes out", async () => {
  const [one, other] = await Promise.all(
    [1_000_003, 77_777].map((size) => all(compress("gzip", chunksOf(content, size), signal))),
  );
  expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
});

for (const [length, pieces] of [
  [0, []],
  [1, [1]],
  [PIECE_BYTES, [PIECE_BYTES]],
  [PIECE_BYTES + 1, [PIECE_BYTES, 1]],
] as const) {
  test(`${length} bytes are cut into ${pieces.length} pieces`, async () => {
    const found: number[] = [];
    for await (const piece of inPieces(chunksOf(content.subarray(0, length), 4096))) found.push(piece.length);
    expect(found).toEqual(pieces);
  });
}

test("results come in the order of the pieces, and no more pieces are fetched than may be in work", async () => {
  let fetched = 0;
  let finished = 0;
  let most = 0;
  async function* numbers(): AsyncGenerator<number> {
    for (; fetched < 20; fetched += 1) yield fetched;
  }
  const work = async (value: number): Promise<number> => {
    most = Math.max(most, value + 1 - finished);
    await delay(value % 3 === 0 ? 8 : 1);
    finished += 1;
    return value;
  };
  const found: number[] = [];
  for await (const value of inOrder(numbers(), 3, work)) found.push(value);
  expect(found).toEqual([...Array(20).keys()]);
  expect(most).toBe(3);
});

test("however many pieces there are, a handful of buffers serves them and their gzip members", async () => {
  const buffers = new Set<ArrayBufferLike>();
  const remember = async (piece: Buffer): Promise<readonly Uint8Array[]> => {
    buffers.add(piece.buffer);
    return [piece.subarray(0, 1)];
  };
  const stream = (): AsyncGenerator<Uint8Array> => chunksOf(Buffer.alloc(30 * PIECE_BYTES, 1), PIECE_BYTES / 2);
  expect(await all(eachPiece(stream(), remember))).toHaveLength(30);
  expect(buffers.size).toBeLessThanOrEqual(8);
  buffers.clear();
  // If a Node's streams no longer wrote into the given buffer, memory would grow with the Artifact.
  for await (const { buffer } of compress("gzip", stream(), signal))
    if (buffer.byteLength > PIECE_BYTES) buffers.add(buffer);
  expect(buffers.size).toBeGreaterThan(0);
  expect(buffers.size).toBeLessThanOrEqual(8);
});

test("a piece of zeros is compressed only once, and only if it is zeros to its last byte", async () => {
  const seen: number[] = [];
  const remember = async (piece: Buffer, output: Buffer): Promise<readonly Uint8Array[]> => {
    await delay(1);
    seen.push(piece.length);
    // The result lies in memory that is used again for another piece.
    output[0] = piece.some((byte) => byte !== 0) ? 1 : 0;
    return [output.subarray(0, 1)];
  };
  const last = Buffer.alloc(PIECE_BYTES);
  last[PIECE_BYTES - 1] = 1;
  const three = [Buffer.alloc(PIECE_BYTES), last, last];
  const stream = Buffer.concat([...three, ...three, ...three, ...three, Buffer.alloc(9)]);
  const packed = await all(eachPiece(chunksOf(stream, 700_000), remember));
  expect(seen).toEqual([...Array(9).fill(PIECE_BYTES), 9]);
  expect(packed.toString("hex")).toBe("00010100010100010100010100");
});

test("a failure of one piece ends the stream with that failure only", async () => {
  const work = async (piece: Uint8Array): Promise<number> => {
    await delay(1);
    throw new Error(`piece of ${piece.length}`);
  };
  const failing = async (): Promise<void> => {
    for await (const result of inOrder(inPieces(chunksOf(content, PIECE_BYTES)), 3, work))
      expect.unreachable(`${result}`);
  };
  await expect(failing()).rejects.toThrow(`piece of ${PIECE_BYTES}`);
});

const through = (argv: readonly [string, ...string[]], input: AsyncIterable<Uint8Array>, until = signal) =>
  all(throughProgram({ argv, package: "some-package" }, input, until));

test("a program that is not installed is named with its package", async () => {
  await expect(through(["no-such-program"], chunksOf(content, 5000))).rejects.toMatchObject({
    code: "COMPRESSOR_MISSING",
    detail: { program: "no-such-program", package: "some-package" },
  });
});

test("a program that cannot be started for another reason is not called missing", async () => {
  await expect(through(["/etc/passwd"], chunksOf(content, 5000))).rejects.toMatchObject({ code: "PROCESS_START" });
});

test("a program file that is open for writing is started once it is closed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "busy-"));
  try {
    const path = join(folder, "cat");
    await copyFile("/bin/cat", path);
    const writer = await open(path, "r+");
    const running = through([path], chunksOf(content, 5000));
    setTimeout(() => void writer.close(), 120);
    expect((await running).equals(content)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a program that fails is named with its status and what it said", async () => {
  const failing = through(["sh", "-c", "head -c 10 >/dev/null; echo cannot >&2; exit 3"], chunksOf(content, 5000));
  await expect(failing).rejects.toMatchObject({
    code: "COMPRESSOR_FAILED",
    detail: { program: "sh", status: 3, stderr: "cannot" },
  });
});

test("a failing input ends the program, and its error is thrown", async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield content.subarray(0, 10);
    throw new Error("input broke");
  }
  await expect(through(["cat"], failing())).rejects.toThrow("input broke");
});

test("an interrupt kills a program that does not end by itself", async () => {
  const interrupt = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield content.subarray(0, 10);
      await delay(1);
    }
  }
  const running = through(["cat"], endless(), interrupt.signal);
  setTimeout(() => interrupt.abort(new Error("interrupted")), 20);
  await expect(running).rejects.toThrow("interrupted");
});
