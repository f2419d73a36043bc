import { spawnSync } from "node:child_process";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const NOT_OURS: ReadonlySet<string> = new Set([".git", "dist", "node_modules"]);
const SHELL = /^#!\s*\S*\/(?:env\s+)?(?:ba|da)?sh\b/;

async function shellFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !NOT_OURS.has(entry.name)) found.push(...(await shellFiles(path)));
    else if (entry.isFile() && SHELL.test(await firstBytes(path))) found.push(path);
  }
  return found;
}

async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

test("shellcheck finds nothing in any shell file of ours", async () => {
  const files = await shellFiles(".");
  expect(files, "what a device gets is among them").toEqual(
    expect.arrayContaining(["update-modules/deb", "state-scripts/rootfs/Download_Enter_40_ask-a-person", ".ci/run"]),
  );
  expect(files.length).toBeGreaterThan(10);
  const { status, stdout } = spawnSync("shellcheck", ["--format=gcc", ...files], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});

test("shellcheck would say what it finds", () => {
  const { status, stdout } = spawnSync("shellcheck", ["--format=gcc", "-"], {
    encoding: "utf8",
    input: "#!/bin/sh\nrm $1\n",
  });
  expect([status, stdout]).toEqual([1, expect.stringContaining("SC2086")]);
});
