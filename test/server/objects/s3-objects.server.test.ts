import { randomBytes } from "node:crypto";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { CreateMultipartUploadCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openObjects } from "../../../server/adapters/objects/open-objects.ts";
import { createS3Client } from "../../../server/adapters/objects/s3/s3-client.ts";
import type { Objects } from "../../../server/ports/objects.ts";
import { S3Server } from "../../support/server/s3-server.ts";
import { objectsContract } from "./objects-contract.ts";

const MIB = 1024 * 1024;
let store: S3Server;
let objects: Objects;
beforeAll(async () => {
  store = await S3Server.start();
  objects = await openObjects(store.storage("deep/er/"));
});
afterAll(async () => {
  await objects.close();
  await store.remove();
});

describe("the S3 store", () =>
  objectsContract(async () => {
    const opened = await openObjects(store.storage("contract/"));
    return { objects: opened, everything: () => store.everything("contract/"), close: () => opened.close() };
  }));

async function* pieces(bytes: Buffer, sizeBytes = 300_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

for (const [title, size] of [
  ["a byte less than a part", 8 * MIB - 1],
  ["exactly one part", 8 * MIB],
  ["exactly two parts", 16 * MIB],
  ["two parts and a byte", 16 * MIB + 1],
] as const)
  test(`keeps an object of ${title}`, async () => {
    const bytes = randomBytes(size);
    await objects.put("size", pieces(bytes));
    const found = await objects.get("size");
    expect(found !== undefined && (await buffer(found)).equals(bytes)).toBe(true);
    const last = await objects.get("size", { start: size - 3, end: size - 1 });
    expect(last && (await buffer(last))).toEqual(bytes.subarray(size - 3));
    expect(await store.everything("deep/er/")).toHaveLength(1);
  });

test("a large upload is never more than a few parts ahead of the store", async () => {
  const parts = (): number => store.requests.filter((line) => line.startsWith("PUT") && line.endsWith("/large")).length;
  let most = 0;
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let n = 1; n <= 64; n += 1) {
      yield Buffer.alloc(MIB, n);
      most = Math.max(most, n - 8 * parts());
    }
  }
  await objects.put("large", large());
  expect([await objects.size("large"), parts()]).toEqual([64 * MIB, 8]);
  expect(most).toBeLessThanOrEqual(3 * 8);
});

test("an upload that ends in an error after some parts leaves none of them", async () => {
  const before = await store.everything("deep/er/");
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield* pieces(randomBytes(20 * MIB));
    throw new Error("the line was cut");
  }
  await expect(objects.put("cut", cut())).rejects.toThrow("the line was cut");
  expect(await store.everything("deep/er/")).toEqual(before);
});

test("removes the parts of uploads that crashed, and leaves alone those that get parts", async () => {
  const storage = store.storage("left/");
  const own = await openObjects(storage);
  const client = createS3Client(storage);
  const old = new Date(Date.now() - 7200_000);
  const begin = async (hasNewPart: boolean): Promise<string> => {
    const target = { Bucket: storage.bucket, Key: "left/one" };
    const { UploadId = "" } = await client.send(new CreateMultipartUploadCommand(target));
    await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: "part" }));
    await utimes(join(store.uploadFolder(UploadId), "key"), old, old);
    if (!hasNewPart) await utimes(join(store.uploadFolder(UploadId), "1"), old, old);
    return UploadId;
  };
  await begin(false);
  const alive = await begin(true);
  expect(await own.removeLeftovers(3600)).toBe(1);
  expect(await store.everything("left/")).toEqual([alive]);
  client.destroy();
  await own.close();
});

test("a link lets anybody read the object, for its time, and says the name of the file", async () => {
  await objects.put("linked", pieces(Buffer.from("bytes")));
  const link = (await objects.link("linked", 60, 'attachment; filename="a.mender"')) ?? "";
  const answer = await fetch(link, { headers: { range: "bytes=1-2" } });
  expect([answer.status, await answer.text()]).toEqual([206, "yt"]);
  expect(answer.headers.get("content-disposition")).toBe('attachment; filename="a.mender"');
  expect(new URL(link).searchParams.get("X-Amz-Expires")).toBe("60");
  const statusOf = async (url: string, init?: RequestInit): Promise<number> => (await fetch(url, init)).status;
  expect([
    await statusOf(link.replace("linked", "size")),
    await statusOf(link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")),
    await statusOf(link.replace("a.mender", "b.mender")),
    await statusOf(link, { method: "DELETE" }),
    await statusOf(link.split("?", 1)[0] ?? ""),
  ]).toEqual([403, 403, 403, 403, 403]);
  const short = (await objects.link("linked", 1)) ?? "";
  await expect.poll(() => statusOf(short), { interval: 500 }).toBe(403);
});

for (const [title, change, code, reason] of [
  ["a bucket that is not there", { bucket: "nowhere" }, "STORAGE_REFUSED", "there is no such bucket"],
  ["a key that is wrong", { keys: { id: "OTHER", secret: "x" } }, "STORAGE_REFUSED", /^the keys are wrong/],
  ["a secret that is wrong", { keys: { id: "S3RVER", secret: "x" } }, "STORAGE_REFUSED", /^the keys are wrong/],
  ["an address where nobody listens", { endpoint: "http://127.0.0.1:9" }, "STORAGE_AWAY", /ECONNREFUSED/],
  ["a host without an address", { endpoint: "http://nobody.invalid" }, "STORAGE_AWAY", /nobody\.invalid/],
] as const)
  test(`${title} is refused before anything starts`, async () => {
    const opening = openObjects({ ...store.storage("x/"), ...change });
    const matching = typeof reason === "string" ? reason : expect.stringMatching(reason);
    await expect(opening).rejects.toMatchObject({ code, detail: { reason: matching } });
  });
