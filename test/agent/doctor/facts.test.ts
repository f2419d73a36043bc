import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createBoardFacts } from "../../../src/agent/doctor/facts.ts";
import { thisHost } from "../../../src/agent/host.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { deviceModule } from "../../cli/adapter/device-toys.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-doctor-facts-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("slots whose names only the board's own adapter knows are as large as it says", async () => {
  await writeFile(join(folder, "toy.mjs"), deviceModule(SIZE, "return 4096;"));
  const file = join(folder, "mender.conf");
  const Switchback = { Device: { Module: "./toy.mjs" } };
  await writeFile(file, JSON.stringify({ RootfsPartA: "nand:a", RootfsPartB: "nand:b", Switchback }));
  const files = { main: file, fallback: "/nowhere", mainRequired: true, fallbackRequired: false };
  const config = await loadConfig(files, () => undefined);
  const { slots } = await createBoardFacts(config, thisHost, new AbortController().signal).slots("A");
  const own = { kind: "adapter's", sizeBytes: 4096, isMounted: false };
  expect(slots).toEqual({
    A: { ...own, path: "nand:a", identity: "nand:a" },
    B: { ...own, path: "nand:b", identity: "nand:b" },
  });
});

const SIZE = `const storage = await context.openStorage(context.slots[slot], "read");
        await storage.close();
        return storage.sizeBytes;`;
