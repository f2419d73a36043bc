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
}, 60_000);
afterAll(() => rm(dir, { recursive: true }));

/** The type checker, in a project of somebody else's. */
async function check(source: string) {
  await writeFile(join(dir, "adapter.ts"), source);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023"];
  const { stdout, status } = spawnSync(
    process.execPath,
    [resolve("node_modules/typescript/bin/tsc"), ...options, "adapter.ts"],
    {
      cwd: dir,
      encoding: "utf8",
    },
  );
  return { status, stdout };
}

const ADAPTER = (arm: string) => `import type { BootloaderAdapter } from "switchback/ports";
export const adapter: BootloaderAdapter = {
  protocol: 1,
  kind: "bootloader",
  name: "mine",
  create: ({ files, root }) => ({
    booted: async () => "A",
    plan: async () => ({ slot: "A", trial: false }),
    ${arm}
    confirm: async () => undefined,
    revert: async (slot) => files.replace(root + "/boot/slot", slot),
  }),
};
`;

test("an adapter in TypeScript outside of the tree is checked against switchback/ports", async () => {
  expect(await check(ADAPTER("arm: async () => undefined,"))).toEqual({ status: 0, stdout: "" });
}, 60_000);

test("an adapter that lacks a function is not accepted by the published types", async () => {
  const { status, stdout } = await check(ADAPTER(""));
  expect(status).not.toBe(0);
  expect(stdout).toMatch(/Property 'arm' is missing/);
}, 60_000);
