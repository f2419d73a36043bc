import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emitTypes } from "../../scripts/lib/emit-types.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-types-"));
  const installed = join(dir, "node_modules/switchback");
  await mkdir(installed, { recursive: true });
  await cp("package.json", join(installed, "package.json"));
  emitTypes(join(installed, "dist"));
});
afterAll(() => rm(dir, { recursive: true }));

const BOOTLOADER = `import type { BootloaderAdapter } from "switchback/ports";
export const adapter: BootloaderAdapter = {
  protocol: 1,
  kind: "bootloader",
  name: "mine",
  create: ({ files, root }) => ({
    booted: async () => "A",
    plan: async () => ({ slot: "A", trial: false }),
    arm: async () => undefined,
    confirm: async () => undefined,
    revert: async (slot) => files.replace(root + "/boot/slot", slot),
  }),
};
`;

const DEVICE = `import type { DeviceAdapter } from "switchback/ports";
export const adapter: DeviceAdapter = {
  protocol: 1,
  kind: "device",
  name: "mine",
  create: ({ openStorage, slots }) => ({
    size: async (slot) => (await openStorage(slots[slot], "read")).sizeBytes,
    async write(slot, imageBytes, chunks) {
      const storage = await openStorage(slots[slot], "write");
      for await (const chunk of chunks) await storage.write(chunk, 0);
      await storage.sync();
    },
    async *read(slot, bytes) { yield new Uint8Array(bytes); },
  }),
};
`;

const PAYLOAD = `import type { PayloadAdapter } from "switchback/ports";
export const adapter: PayloadAdapter = {
  protocol: 1,
  kind: "payload",
  name: "mine",
  create: ({ files, folder }) => ({
    async download(payload) {
      for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
        const content = file;
        await files.storeSynced(folder + "/new", async (into) => content.read(into), 0o644);
      }
    },
    act: async (action) => { if (action === "ArtifactInstall") await files.rename(folder + "/new", "/installed"); },
    needsReboot: async () => "No",
    supportsRollback: async () => true,
  }),
};
`;

const ADAPTERS = [
  ["a boot loader", BOOTLOADER, "arm"],
  ["slots", DEVICE, "size"],
  ["payloads", PAYLOAD, "supportsRollback"],
] as const;

/** The type checker's messages for each file, in a project outside the tree. */
const said = new Map<string, string>();
const whole = (kind: string): string => `${kind.replace(" ", "-")}.ts`;
const lacking = (kind: string): string => `lacking-${whole(kind)}`;

beforeAll(async () => {
  for (const [kind, source, lacks] of ADAPTERS) {
    await writeFile(join(dir, whole(kind)), source);
    await writeFile(join(dir, lacking(kind)), source.replace(`    ${lacks}:`, `    ${lacks}Not:`));
  }
  const files = ADAPTERS.flatMap(([kind]) => [whole(kind), lacking(kind)]);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--pretty", "false"];
  const tsc = resolve("node_modules/typescript/bin/tsc");
  // One run for all files, because most of a run is spent on reading the standard library.
  const { stdout } = spawnSync(process.execPath, [tsc, ...options, ...files], { cwd: dir, encoding: "utf8" });
  for (const message of stdout.split(/^(?=\S)/m)) {
    const file = files.find((name) => message.startsWith(`${name}(`)) ?? "another file";
    said.set(file, (said.get(file) ?? "") + message);
  }
});

for (const [kind, , lacks] of ADAPTERS) {
  test(`an adapter for ${kind} in TypeScript outside of the tree is checked against switchback/ports`, () => {
    expect([said.get(whole(kind)), said.get("another file")]).toEqual([undefined, undefined]);
  });

  test(`an adapter for ${kind} that lacks a function is not accepted by the published types`, () => {
    expect(said.get(lacking(kind))).toContain("error TS");
    expect(said.get(lacking(kind))).toContain(lacks);
  });
}
