import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { ImageLab } from "./image-lab.ts";
import { artifact, failure } from "./run-artifact.ts";

const { test } = needs("mount");
const MIB = 1024 * 1024;

const lab = new ImageLab();
/** A file system of its own, which a test can fill. */
const small = lab.at("small");
const TMPDIR = process.env["TMPDIR"];

beforeAll(async () => {
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=12M", "none", small]);
  const image = lab.makeRootfs("rootfs.ext4");
  const write = ["write", "rootfs-image", "-t", "b", "-n", "r", "-f", image, "--compression", "none"];
  expect((await artifact(...write, "-o", lab.at("rootfs.mender"))).exitCode).toBe(0);
  lab.run("cp", "--sparse=always", image, lab.at("sparse.ext4"));
});
afterAll(() => {
  spawnSync("umount", [small]);
  lab.close();
});

/** Leaves `free` bytes on the small file system. */
function fill(free: number): void {
  const { bavail, bsize } = statfsSync(small);
  writeFileSync(join(small, "filler"), Buffer.alloc(bavail * bsize - free, 1));
}

interface Case {
  readonly title: string;
  readonly name: string;
  readonly free: number;
  /** Whether temporary files go to the small file system, too. */
  readonly isTemporary?: true;
  readonly code: RegExp;
}

const CASES: readonly Case[] = [
  { title: "no room for a copy", name: "sparse.ext4", free: 64 * 1024, code: /OUTPUT_FAILED/ },
  {
    title: "no room for the new file in the copy",
    name: "sparse.ext4",
    free: 1.5 * MIB,
    code: /IMAGE_\w+|OUTPUT_FAILED/,
  },
  { title: "no room for the new Artifact", name: "rootfs.mender", free: 2 * MIB, code: /OUTPUT_FAILED/ },
  {
    title: "no room for the unpacked image",
    name: "rootfs.mender",
    free: 64 * 1024,
    isTemporary: true,
    code: /OUTPUT_FAILED/,
  },
];

for (const { title, name, free, isTemporary, code } of CASES) {
  test(`${title}: the old image stays, and nothing beside it`, async () => {
    const image = join(small, name);
    if (name.endsWith(".mender")) copyFileSync(lab.at(name), image);
    else lab.run("cp", "--sparse=always", lab.at(name), image);
    const before = readFileSync(image);
    const added = lab.put("added", Buffer.alloc(3 * MIB, "added"));
    fill(free);
    if (isTemporary === true) process.env["TMPDIR"] = small;
    try {
      expect(await failure("cp", added, `${image}:/etc/added`)).toMatch(code);
    } finally {
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
      rmSync(join(small, "filler"));
    }
    expect(readFileSync(image).equals(before)).toBe(true);
    expect(readdirSync(small)).toEqual([name]);
    rmSync(image);
  });
}
