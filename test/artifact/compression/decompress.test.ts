import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGzip, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { childSource } from "../../../src/artifact/compression/child-source.ts";
import { decompress } from "../../../src/artifact/compression/decompress.ts";
import { formatOf } from "../../../src/artifact/compression/formats.ts";
import { inflateSource, zstdSource } from "../../../src/artifact/compression/inflate.ts";
import { isTrustworthy, openRawInflater, type RawInflater } from "../../../src/artifact/compression/raw-inflater.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { type ByteSource, fromIterable } from "../../../src/util/byte-source.ts";
import { inPieces } from "../read-all.ts";

const PLAIN = Buffer.from(Array.from({ length: 9000 }, (_, index) => `line ${(index * 7919) % 10_007}\n`).join(""));
const withProgram = (...argv: [string, ...string[]]) => {
  const [program, ...args] = argv;
  return (plain: Buffer): Buffer => execFileSync(program, args, { input: plain });
};
const noRaw = (): undefined => undefined;

const UNPACKERS: readonly [string, (plain: Buffer) => Buffer, (source: ByteSource) => ByteSource][] = [
  ["gzip, straight into the buffer", (plain) => gzipSync(plain), (source) => inflateSource(source, 1000)],
  ["gzip, with the public stream", (plain) => gzipSync(plain), (source) => inflateSource(source, 1000, noRaw)],
  ["xz", withProgram("xz", "-c"), (source) => childSource(source, "lzma")],
  ["zstd, as the runtime can", withProgram("zstd", "-cq", "--check"), (source) => zstdSource(source, 1000)],
  ["zstd, with the program", withProgram("zstd", "-cq", "--check"), (source) => zstdSource(source, 1000, noRaw)],
];

async function drain(source: ByteSource, chunkBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    const into = Buffer.alloc(chunkBytes);
    for (let count = await source.read(into); count > 0; count = await source.read(into)) {
      chunks.push(Buffer.from(into.subarray(0, count)));
    }
    expect(await source.read(into)).toBe(0);
  } finally {
    await source.close();
    await source.close();
  }
  return Buffer.concat(chunks);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  return error instanceof AgentError ? error.code : `no AgentError but ${String(error)}`;
}

test.each(UNPACKERS)("unpacks %s, whatever the sizes of the pieces", async (_, pack, open) => {
  const packed = pack(PLAIN);
  for (const [pieceBytes, chunkBytes] of [
    [7, 70_000],
    [511, 513],
    [70_000, 5000],
    [70_000, 200_000],
  ] as const) {
    const plain = await drain(open(inPieces(packed, pieceBytes)), chunkBytes);
    expect(plain.equals(PLAIN), `${pieceBytes} in, ${chunkBytes} out`).toBe(true);
  }
});

test.each(UNPACKERS)("unpacks nothing at all: %s", async (_, pack, open) => {
  await expect(drain(open(inPieces(pack(Buffer.alloc(0)), 5)), 10)).resolves.toHaveLength(0);
});

test.each(UNPACKERS)("unpacks several members one after the other: %s", async (_, pack, open) => {
  const packed = Buffer.concat([pack(PLAIN), pack(PLAIN.subarray(0, 3)), pack(PLAIN)]);
  const expected = Buffer.concat([PLAIN, PLAIN.subarray(0, 3), PLAIN]);
  for (const pieceBytes of [pack(PLAIN).length, 999, 1_000_000]) {
    expect((await drain(open(inPieces(packed, pieceBytes)), 5000)).equals(expected)).toBe(true);
  }
});

test.each(UNPACKERS)("refuses what is cut off, damaged or followed by other bytes: %s", async (_, pack, open) => {
  const packed = pack(PLAIN);
  const damaged = Buffer.from(packed);
  damaged.writeUInt8(damaged.readUInt8(packed.length >> 1) ^ 0x10, packed.length >> 1);
  const odd = {
    "cut at the end": packed.subarray(0, -1),
    "cut in the middle": packed.subarray(0, packed.length >> 1),
    damaged,
    "letters behind": Buffer.concat([packed, Buffer.from("letters")]),
  };
  for (const [what, bytes] of Object.entries(odd)) {
    expect(await codeOf(drain(open(inPieces(bytes, 700)), 5000)), what).toBe("ARTIFACT_COMPRESSED_DATA");
  }
});

test.each(UNPACKERS)("passes the source's own error on: %s", async (_, pack, open) => {
  const failing = fromIterable(
    (async function* () {
      yield pack(PLAIN).subarray(0, 900);
      throw new AgentError("ARTIFACT_TRUNCATED");
    })(),
  );
  expect(await codeOf(drain(open(failing), 5000))).toBe("ARTIFACT_TRUNCATED");
});

test.each(UNPACKERS)("can be closed before its end: %s", async (_, pack, open) => {
  const source = open(inPieces(Buffer.concat(Array.from({ length: 50 }, () => pack(PLAIN))), 10_000));
  expect(await source.read(Buffer.alloc(10))).toBeGreaterThan(0);
  await source.close();
});

test("names the package when the program is missing", async () => {
  const path = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  try {
    for (const [format, debianPackage] of [
      ["lzma", "xz-utils"],
      ["zstd", "zstd"],
    ] as const) {
      const error: unknown = await drain(childSource(inPieces(PLAIN, 100), format), 10).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "DECOMPRESSOR_MISSING", detail: { package: debianPackage } });
    }
  } finally {
    process.env["PATH"] = path;
  }
});

describe("a program that cannot be started", () => {
  const usual = process.env["PATH"];
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "programs-"));
    process.env["PATH"] = folder;
  });
  afterEach(async () => {
    process.env["PATH"] = usual;
    await rm(folder, { recursive: true });
  });

  test("for another reason is not called missing", async () => {
    for (const [format, program] of [
      ["lzma", "xz"],
      ["zstd", "zstd"],
    ] as const) {
      await writeFile(join(folder, program), "");
      expect(await codeOf(drain(childSource(inPieces(PLAIN, 100), format), 10))).toBe("PROCESS_START");
    }
  });

  test("because the file is open for writing is started once it is closed", async () => {
    const packed = execFileSync("/usr/bin/xz", ["-c"], { input: PLAIN });
    await copyFile("/usr/bin/xz", join(folder, "xz"));
    const writer = await open(join(folder, "xz"), "r+");
    const plain = drain(childSource(inPieces(packed, 100), "lzma"), 5000);
    setTimeout(() => void writer.close(), 120);
    expect((await plain).equals(PLAIN)).toBe(true);
  });

  test("and is not wanted any more closes its source at once", async () => {
    await copyFile("/usr/bin/xz", join(folder, "xz"));
    const writer = await open(join(folder, "xz"), "r+");
    let closed = false;
    const close = async (): Promise<void> => {
      closed = true;
    };
    const source = { read: () => 0, close };
    await childSource(source, "lzma").close();
    expect(closed).toBe(true);
    await writer.close();
  });
});

test("does not read ahead of the consumer of the child process", async () => {
  const noise = execFileSync("zstd", ["-1cq"], { input: randomBytes(16 * 1024 * 1024), maxBuffer: 1 << 28 });
  let given = 0;
  const source = fromIterable(
    (function* () {
      for (let at = 0; at < noise.length; at += 65_536) {
        given += 65_536;
        yield noise.subarray(at, at + 65_536);
      }
    })(),
  );
  const plain = childSource(source, "zstd");
  await plain.read(Buffer.alloc(10));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(given).toBeLessThan(4 * 1024 * 1024);
  await plain.close();
});

test.each(["header.tar", "header.tar.gz", "header.tar.xz", "header.tar.zst"])("knows the format of %s", (name) => {
  expect(formatOf(name, "header")?.suffix).toBe(name.slice("header.tar".length));
});

test.each(["gz", "xz", "zst"])("refuses a member that is not of the format its suffix .%s names", async (suffix) => {
  const format = formatOf(`header.tar.${suffix}`, "header");
  expect.assert(format !== undefined);
  expect(await codeOf(decompress(inPieces(PLAIN, 10), format))).toBe("ARTIFACT_COMPRESSED_DATA");
});

test("trusts the internals of this runtime's zlib", () => {
  expect(openRawInflater("gzip")).toBeDefined();
  expect(openRawInflater("zstd") !== undefined).toBe("createZstdDecompress" in process.getBuiltinModule("node:zlib"));
});

test("does not trust internals that behave otherwise", () => {
  const wrong = (changes: Partial<RawInflater>) => () => {
    const raw = openRawInflater("gzip");
    return raw === undefined ? undefined : { ...raw, ...changes };
  };
  const throwing = (): never => {
    throw new TypeError("writeSync has other parameters");
  };
  expect(isTrustworthy(wrong({}), "gzip")).toBe(true);
  expect(isTrustworthy(noRaw, "gzip")).toBe(false);
  expect(isTrustworthy(wrong({ inflate: () => ({ consumed: 0, produced: 0 }) }), "gzip")).toBe(false);
  expect(isTrustworthy(wrong({ inflate: throwing }), "gzip")).toBe(false);
  expect(isTrustworthy(wrong({ isComplete: () => true }), "gzip")).toBe(false);
});

test("needs no more memory for more data", async () => {
  const source = fromIterable(
    createGzip({ level: 1 })
      .on("error", () => {})
      .end(Buffer.alloc(64 * 1024 * 1024)),
  );
  const plain = inflateSource(source);
  const into = Buffer.alloc(1024 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  let total = 0;
  for (let count = await plain.read(into); count > 0; count = await plain.read(into)) total += count;
  expect(total).toBe(64 * 1024 * 1024);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  await plain.close();
});
