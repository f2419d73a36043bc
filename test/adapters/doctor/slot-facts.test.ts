import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { collectSlotFacts } from "../../../adapters/doctor/slot-facts.ts";
import { createRunningSystem } from "../../../adapters/linux/running-system.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "switchback-slot-facts-"));
});
afterEach(() => rm(root, { recursive: true }));

test("a UBI volume is known by each of its names, with what it can hold", async () => {
  await mkdir(join(root, "sys/class/ubi/ubi0_1"), { recursive: true });
  await mkdir(join(root, "proc/self"), { recursive: true });
  const facts = { name: "rootfsb\n", reserved_ebs: "8\n", usable_eb_size: "126976\n", data_bytes: "777\n" };
  for (const [name, text] of Object.entries(facts)) await writeFile(join(root, "sys/class/ubi/ubi0_1", name), text);
  await writeFile(join(root, "proc/self/mountinfo"), "20 1 0:19 / / ro - ubifs ubi0:rootfsb ro\n");
  const system = createRunningSystem({ root });
  const volume = { kind: "UBI volume", identity: "ubi0_1", sizeBytes: 1_015_808, isMounted: true };
  expect(await collectSlotFacts("ubi0_1", system)).toEqual({ path: "ubi0_1", ...volume });
  expect(await collectSlotFacts("ubi0:rootfsb", system)).toEqual({ path: "ubi0:rootfsb", ...volume });
  expect(await collectSlotFacts("ubi0_7", system)).toEqual({ path: "ubi0_7", kind: "missing", isMounted: false });
});

test("a file is the same by a link to it, and a folder is no slot", async () => {
  await writeFile(join(root, "slot"), "1234");
  await symlink("slot", join(root, "link"));
  const [slot, link] = [await collectSlotFacts(join(root, "slot")), await collectSlotFacts(join(root, "link"))];
  expect(slot).toEqual({ ...link, path: join(root, "slot") });
  expect(slot).toMatchObject({ kind: "file", sizeBytes: 4, isMounted: false });
  expect(await collectSlotFacts(root)).toEqual({ path: root, kind: "neither", isMounted: false });
});
