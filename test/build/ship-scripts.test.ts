import { access, constants, mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { shipScripts } from "../../scripts/lib/ship-scripts.ts";

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "switchback-shipped-"));
});
afterEach(() => rm(out, { recursive: true }));

test("every update module, state script and identity script is shipped beside the bundle, executable and unchanged", async () => {
  const programs = await shipScripts(out);
  const modules = ["deb", "directory", "docker", "rpm", "script", "single-file"].map(
    (name) => `update-modules/${name}`,
  );
  expect(programs.filter((path) => path.startsWith("update-modules/"))).toEqual(modules);
  expect(programs).toContain("identity/mender-device-identity");
  const scripts = programs.filter((path) => path.startsWith("state-scripts/"));
  expect(scripts.map((path) => path.replace(/.*_[0-9]{2}_/, ""))).toEqual([
    ...["keep-data", "health-check", "keep-data", "keep-data", "keep-data", "keep-data"],
    ...["maintenance-window", "power-and-network", "ask-a-person"],
  ]);
  expect(await readlink(join(out, "state-scripts/artifact/ArtifactCommit_Leave_50_keep-data"))).not.toMatch("^/");
  for (const path of programs) {
    await access(join(out, path), constants.X_OK);
    expect(await readFile(join(out, path))).toEqual(await readFile(path));
  }
  for (const path of [
    "update-modules/README.md",
    "state-scripts/README.md",
    "identity/README.md",
    "state-scripts/rootfs/version",
  ])
    expect(await readFile(join(out, path), "utf8")).toBe(await readFile(path, "utf8"));
});

test("what is no longer shipped goes with the next build", async () => {
  await shipScripts(out);
  await writeFile(join(out, "update-modules/old"), "");
  await shipScripts(out);
  await expect(access(join(out, "update-modules/old"))).rejects.toMatchObject({ code: "ENOENT" });
});
