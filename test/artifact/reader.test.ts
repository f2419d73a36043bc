import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { textOf } from "../../src/artifact/meta-data.ts";
import type { PayloadPosition } from "../../src/artifact/payload-position.ts";
import { openArtifact } from "../../src/artifact/reader.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { openFileSource } from "../../src/util/file-source.ts";
import {
  artifact,
  HEADER_INFO,
  HEADER_INFO_ENTRY,
  IMAGE,
  META_DATA_ENTRY,
  TYPE_INFO,
  TYPE_INFO_ENTRY,
  tar,
} from "./odd-artifacts.ts";
import { inPieces, readAll } from "./read-all.ts";

test("leaves a payload's data unread until it is requested", async () => {
  const bytes = artifact({ data: [{ name: "image", content: Buffer.alloc(200_000) }] });
  let given = 0;
  const pieces = inPieces(bytes, 512);
  const reader = await openArtifact({
    async read(into) {
      const count = await pieces.read(into);
      given += count;
      return count;
    },
    close: () => pieces.close(),
  });
  expect(given).toBeLessThan(16 * 1024);
  await reader.finish();
  expect(given).toBe(bytes.length);
  await reader.close();
});

test("verifies files that the caller skipped", async () => {
  const bytes = artifact({ dataBytes: tar([{ name: "image", content: "other" }]) });
  const reader = await openArtifact(inPieces(bytes, 5000));
  await expect(reader.finish()).rejects.toMatchObject({
    code: "ARTIFACT_CHECKSUM",
    detail: { file: "image", actual: expect.stringMatching(/^[0-9a-f]{64}$/), expected: expect.any(String) },
  });
  await reader.close();
});

test("keeps the last bytes of a damaged file back, each time it is asked for them", async () => {
  const reader = await openArtifact(
    inPieces(artifact({ dataBytes: tar([{ name: "image", content: "123456" }]) }), 5000),
  );
  const payload = await reader.nextPayload();
  const file = await payload?.next();
  expect.assert(payload !== undefined && file !== undefined);
  const into = Buffer.alloc(4);
  expect(await file.read(into)).toBe(4);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect((async () => file.read(into))()).rejects.toMatchObject({ code: "ARTIFACT_CHECKSUM" });
  }
  await expect(payload.next()).rejects.toMatchObject({ code: "ARTIFACT_CHECKSUM" });
  await reader.close();
});

test("when resuming inside a file, gives no byte before the stored part was handed back", async () => {
  const bytes = artifact();
  let position: PayloadPosition | undefined;
  const first = await openArtifact(inPieces(bytes, 5000), {
    async keep(found) {
      position = found;
    },
  });
  const whole = await (await first.nextPayload())?.next();
  await whole?.read(Buffer.alloc(1024));
  await whole?.keep?.(1024);
  await first.close();
  expect.assert(position !== undefined);
  for (const restored of [0, 1023]) {
    let at = 0;
    let end = position.headBytes;
    const jump = (toByte: number): void => {
      at = toByte;
      end = bytes.length;
    };
    const reader = await openArtifact({
      read(into) {
        const count = bytes.copy(into, 0, at, Math.min(end, at + into.length));
        at += count;
        return count;
      },
      async close() {},
    });
    const payload = await reader.nextPayload({ position, jump });
    const file = await payload?.next();
    expect(file?.storedBytes).toBe(1024);
    file?.restore?.(IMAGE.subarray(0, restored));
    const into = Buffer.alloc(IMAGE.length);
    await expect((async () => file?.read(into))()).rejects.toThrow("what is stored of the file was not restored");
    file?.restore?.(IMAGE.subarray(restored, 1024));
    expect(await file?.read(into)).toBe(IMAGE.length - 1024);
    expect(into.subarray(0, IMAGE.length - 1024)).toEqual(IMAGE.subarray(1024));
    await reader.close();
  }
});

test("closes the source when the Artifact is refused, and when it is closed", async () => {
  let closed = 0;
  const source = (bytes: Uint8Array) => ({
    ...inPieces(bytes, 5000),
    async close() {
      closed += 1;
    },
  });
  await expect(openArtifact(source(Buffer.alloc(10)))).rejects.toMatchObject({ code: "ARTIFACT_TRUNCATED" });
  expect(closed).toBe(1);
  const reader = await openArtifact(source(artifact()));
  await reader.close();
  await reader.close();
  expect(closed).toBe(2);
});

test("judges the signature before it looks at anything behind it", async () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const verifyKeys = [{ label: "key", algorithm: "ecdsa-p256", key: publicKey }] as const;
  const junk = { manifest: "junk", headerBytes: Buffer.from("junk") };
  const unsigned = artifact(junk);
  const signature = { name: "manifest.sig", content: Buffer.alloc(64).toString("base64") };
  const signed = artifact({ ...junk, members: (usual) => [...usual.slice(0, 2), signature, ...usual.slice(2)] });
  await expect(readAll(unsigned, { verifyKeys })).rejects.toMatchObject({ code: "ARTIFACT_NOT_SIGNED" });
  await expect(readAll(signed, { verifyKeys })).rejects.toMatchObject({ code: "ARTIFACT_SIGNATURE" });
  await expect(readAll(signed)).rejects.toMatchObject({ code: "ARTIFACT_MANIFEST" });
});

test("reads version 2 where it is allowed", async () => {
  const bytes = artifact({
    version: '{"format":"mender","version":2}',
    header: [
      {
        name: "header-info",
        content: JSON.stringify({
          artifact_name: "old",
          updates: [{ type: "rootfs-image" }],
          device_types_compatible: ["board-a"],
        }),
      },
      { name: "headers/0000/files", content: '{"files":["image"]}' },
      { name: "headers/0000/type-info", content: '{"type":"rootfs-image"}' },
      META_DATA_ENTRY,
    ],
  });
  const { info, payloads } = await readAll(bytes, { allowVersion2: true });
  expect(info).toMatchObject({ version: 2, name: "old", deviceTypes: ["board-a"], depends: {} });
  expect(info.payloads[0]?.clearsProvides).toBeUndefined();
  expect(payloads).toEqual([[{ name: "image", content: IMAGE }]]);
});

test("reads what other writers put in: unknown keys, folders, single values, an absent or empty list", async () => {
  const typeInfo = { ...TYPE_INFO, type: "", artifact_depends: { one: "1", two: ["1", "2"] }, unknown: [1] };
  const read = async (info: unknown) =>
    (
      await readAll(
        artifact({
          header: [
            { name: "header-info", content: JSON.stringify({ ...HEADER_INFO, unknown: true }) },
            { name: "scripts/", type: "5" },
            { name: "scripts/ArtifactCommit_Leave_99_last", content: "#!/bin/sh\n" },
            { name: "headers/", type: "5" },
            { name: "headers/0000/type-info", content: JSON.stringify(info) },
          ],
        }),
      )
    ).info;
  const absent = await read(typeInfo);
  expect(absent.scripts).toEqual(["ArtifactCommit_Leave_99_last"]);
  expect(absent.payloads[0]).toMatchObject({ type: "rootfs-image", depends: { one: ["1"], two: ["1", "2"] } });
  expect(absent.payloads[0]).not.toHaveProperty("clearsProvides");
  const empty = await read({ ...typeInfo, clears_artifact_provides: [] });
  expect(empty.payloads[0]?.clearsProvides).toEqual([]);
});

test("reads several payloads in order", async () => {
  const second = { name: "second", content: "2" };
  const bytes = artifact({
    header: [
      {
        name: "header-info",
        content: JSON.stringify({ ...HEADER_INFO, payloads: [{ type: "rootfs-image" }, { type: "m" }] }),
      },
      TYPE_INFO_ENTRY,
      META_DATA_ENTRY,
      { name: "headers/0001/type-info", content: '{"type":"m"}' },
      { name: "headers/0001/meta-data", content: '{"k":1}' },
    ],
    manifestExtra: "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35  data/0001/second\n",
    members: (usual) => [...usual, { name: "data/0001.tar", content: tar([second]) }],
  });
  const { info, payloads } = await readAll(bytes);
  expect(info.payloads.map(({ type, metaData }) => [type, metaData && textOf(metaData)])).toEqual([
    ["rootfs-image", undefined],
    ["m", '{"k":1}'],
  ]);
  expect(payloads.map((files) => files.map(({ name }) => name))).toEqual([["image"], ["second"]]);
});

test.each([true, false])("reads an empty payload whose data member is there: %s", async (isThere) => {
  const bytes = artifact({
    headerInfo: { ...HEADER_INFO, payloads: [{ type: null }] },
    typeInfo: { type: null },
    data: [],
    members: (usual) => (isThere ? usual : usual.slice(0, 3)),
  });
  const { info, payloads } = await readAll(bytes);
  expect(info.payloads[0]?.type).toBeNull();
  expect(payloads).toEqual([[]]);
});

test("does not let a key of the provides reach the prototype", async () => {
  const typeInfo = '{"type":"rootfs-image","artifact_provides":{"__proto__":"x","constructor":"y"}}';
  const header = [HEADER_INFO_ENTRY, { name: "headers/0000/type-info", content: typeInfo }];
  const { info } = await readAll(artifact({ header }));
  expect(Object.getPrototypeOf(info.payloads[0]?.provides)).toBe(Object.prototype);
  expect(Object.entries(info.payloads[0]?.provides ?? {})).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});

test("names a failure of the operating system", async () => {
  await expect(readAll(await openFileSource("/", new AbortController().signal))).rejects.toMatchObject({
    code: "ARTIFACT_READ",
  });
});

test.each([false, true])("gives the exact content or an AgentError for any damage, compressed: %s", async (gzip) => {
  const whole = artifact({ gzip });
  const good = await readAll(whole);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(7)), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: whole.length }),
      async (flips, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, bit] of flips) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        const damaged = length % 3 === 0 ? bytes.subarray(0, length) : bytes;
        const outcome: unknown = await readAll(damaged).catch((error: unknown) => error);
        if (outcome instanceof AgentError) refused += 1;
        else expect(outcome).toEqual(good);
      },
    ),
    { numRuns: 400, seed: 20 },
  );
  expect(refused).toBeGreaterThan(100);
});

test("gives the exact content or an AgentError for damage that the checksums were made to fit", async () => {
  const header = tar([HEADER_INFO_ENTRY, TYPE_INFO_ENTRY, META_DATA_ENTRY]);
  const data = tar([{ name: "image", content: IMAGE }]);
  const flips = (length: number) => fc.array(fc.tuple(fc.nat(length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
  const damage = (bytes: Buffer, changes: [number, number][]): Buffer => {
    const damaged = Buffer.from(bytes);
    for (const [at, value] of changes) damaged.writeUInt8(value, at);
    for (const start of [0, 1024, 2048]) fixTarChecksum(damaged, start);
    return damaged;
  };
  await fc.assert(
    fc.asyncProperty(flips(header.length), flips(data.length), async (inHeader, inData) => {
      for (const parts of [{ headerBytes: damage(header, inHeader) }, { dataBytes: damage(data, inData) }]) {
        const outcome: unknown = await readAll(artifact(parts)).catch((error: unknown) => error);
        if (outcome instanceof AgentError) continue;
        expect(outcome).toMatchObject({ payloads: [[{ name: "image", content: IMAGE }]] });
      }
    }),
    { numRuns: 400, seed: 21 },
  );
});

/** Corrects the checksum of a changed header block, so that the reader reaches the bytes after it. */
function fixTarChecksum(bytes: Buffer, start: number): void {
  const block = bytes.subarray(start, start + 512);
  if (block.length < 512 || block.toString("latin1", 257, 262) !== "ustar") return;
  block.write("        ", 148, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
