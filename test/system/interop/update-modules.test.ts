import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { contentOf, place } from "../../update-modules/module-board.ts";
import { ours, theirs } from "./run-tools.ts";

const { test } = needs("namespaces", "mount");

// The real client runs our modules and its own with the same Artifacts. Its folders are replaced in a mount
// namespace of the command's own, so that nothing of the machine is touched.
const MODULES = { ours: resolve("update-modules"), theirs: "/usr/share/mender/modules/v3" };
const IN_NAMESPACE = [
  "set -e",
  'mount --bind "$1" /usr/share/mender/modules/v3',
  'mount --bind "$2/etc" /etc/mender',
  'data="$2/data"',
  "shift 2",
  'exec mender -d "$data" "$@"',
].join("\n");

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-modules-"));
  mkdirSync(join(dir, "etc"));
  writeFileSync(join(dir, "etc/artifact_info"), "artifact_name=release-0\n");
  writeFileSync(join(dir, "etc/mender.conf"), '{ "DBus": { "Enabled": false } }');
  writeFileSync(join(dir, "permissions"), "751\n");
  writeFileSync(join(dir, "filename"), "app.conf\n");
  writeFileSync(join(dir, "dest_dir"), `${join(dir, "target")}\n`);
  writeFileSync(join(dir, "app.conf"), "new");
  place(join(dir, "stage/page"), "new");
  place(join(dir, "stage/bin/run"), "program", 0o755);
  const packed = spawnSync("tar", ["-cf", join(dir, "update.tar"), "-C", join(dir, "stage"), "."]);
  expect(packed.status).toBe(0);
  for (const name of ["2-second", "1-first"]) {
    writeFileSync(join(dir, name), `#!/bin/sh\necho ${name} >>${join(dir, "target/ran")}\n`);
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const PAYLOADS: Readonly<Record<string, readonly string[]>> = {
  "single-file": ["dest_dir", "filename", "permissions", "app.conf"],
  directory: ["update.tar", "dest_dir"],
  script: ["1-first", "2-second"],
};

const writeArgs = (type: string, path: string): string[] => {
  const files = (PAYLOADS[type] ?? []).flatMap((name) => ["-f", join(dir, name)]);
  return ["write", "module-image", "-T", type, "-t", "board", "-n", "release-1", "-o", path, ...files];
};

/** What a sequence of the real client's commands leaves in the target, with either set of modules. */
function left(modules: keyof typeof MODULES, commands: readonly (readonly string[])[]): unknown {
  for (const folder of ["target", "data"]) rmSync(join(dir, folder), { recursive: true, force: true });
  place(join(dir, "target/app.conf"), "old", 0o640);
  place(join(dir, "target/other"), "theirs");
  place(join(dir, "data/device_type"), "device_type=board\n");
  for (const command of commands) {
    const args = ["-m", "bash", "-c", IN_NAMESPACE, "bash", MODULES[modules], dir, ...command];
    const done = spawnSync("unshare", args, { encoding: "utf8" });
    expect(done.status, `${command.join(" ")}: ${done.stdout}${done.stderr}`).toBe(0);
  }
  return contentOf(join(dir, "target"));
}

describe.each(Object.keys(PAYLOADS))("module %s in the real client", (type) => {
  test("installs the same as the client's own module, from an Artifact of either tool", async () => {
    const path = join(dir, `${type}.mender`);
    theirs(...writeArgs(type, path));
    // Without a rollback the client commits at once, and a second commit fails.
    const commands = type === "script" ? [["install", path]] : [["install", path], ["commit"]];
    const expected = left("theirs", commands);
    expect(JSON.stringify(expected)).toMatch(/new|1-first\\n2-second/);
    expect(left("ours", commands)).toEqual(expected);

    await ours(...writeArgs(type, path));
    expect(left("ours", commands)).toEqual(expected);
    expect(existsSync(join(dir, "data/modules/v3/payloads/0000/tree"))).toBe(false);
  });
});

test.each(["single-file", "directory"])("module %s rolls back to the same as the client's own module", (type) => {
  const path = join(dir, `${type}.mender`);
  theirs(...writeArgs(type, path));
  const commands = [["install", path], ["rollback"]];
  const expected = left("theirs", commands);
  expect(left("ours", commands)).toEqual(expected);
  expect(readFileSync(join(dir, "target/app.conf"), "utf8")).toBe("old");
});
