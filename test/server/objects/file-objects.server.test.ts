import { once } from "node:events";
import { mkdtemp, readdir, readlink, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { createFileObjects } from "../../../server/adapters/objects/files/file-objects.ts";
import { objectsContract } from "./objects-contract.ts";

async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "objects-"));
}

describe("the file store", () =>
  objectsContract(async () => {
    const folder = await makeFolder();
    return {
      objects: await createFileObjects(folder),
      everything: async () =>
        (await readdir(folder, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .toSorted(),
      close: () => rm(folder, { recursive: true }),
    };
  }));

test("removes what crashed writers left behind, and leaves alone what is being written", async () => {
  const folder = await makeFolder();
  const objects = await createFileObjects(folder);
  const incoming = join(folder, ".incoming");
  await writeFile(join(incoming, "crashed"), "a part");
  await utimes(join(incoming, "crashed"), 0, Date.now() / 1000 - 3700);
  await writeFile(join(incoming, "alive"), "a part");
  expect(await objects.removeLeftovers(3600)).toBe(1);
  expect(await readdir(incoming)).toEqual(["alive"]);
  await rm(folder, { recursive: true });
});

test("sends an object from the same few buffers, ends with an error if it is too short, and closes the file", async () => {
  const folder = await makeFolder();
  const objects = await createFileObjects(folder);
  const size = 2 * 1024 * 1024;
  await objects.put("tenant/one", [Buffer.alloc(size, "x")] as never);
  const memories = new Set<ArrayBufferLike>();
  const sent = await objects.getToSend("tenant/one", { start: 0, end: size - 1 });
  for await (const chunk of sent ?? []) memories.add((chunk as Buffer).buffer);
  expect(memories.size).toBeLessThanOrEqual(4);
  await truncate(join(folder, "tenant/one"), 1000);
  const short = await objects.getToSend("tenant/one", { start: 0, end: size - 1 });
  await expect(buffer(short as Readable)).rejects.toThrow("shorter than it was");
  const given = await objects.getToSend("tenant/one", { start: 0, end: 999 });
  given?.destroy();
  await once(given as Readable, "close");
  await rm(folder, { recursive: true });
  const descriptors = await readdir("/proc/self/fd");
  const open = await Promise.all(
    descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")), // ignored: it is closed meanwhile.
  );
  expect(open.filter((path) => path.startsWith(folder))).toEqual([]);
});
