import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
