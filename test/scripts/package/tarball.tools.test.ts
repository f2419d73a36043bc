import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTarball } from "../../../scripts/package/tarball.ts";
import { BuiltPackages } from "./built-packages.ts";

let packages: BuiltPackages;
let unpacked = "";
let destination = "";

beforeAll(async () => {
  packages = await BuiltPackages.make();
  const path = await buildTarball(await packages.release("1.2.3"), packages.folder);
  execFileSync("tar", ["-C", packages.folder, "-xzf", path]);
  unpacked = join(packages.folder, "switchback-1.2.3");
  destination = mkdtempSync(join(packages.folder, "root-"));
});
afterAll(() => packages?.remove());

function install(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
  const all = { PATH: process.env["PATH"], ...env };
  const { status, stdout, stderr } = spawnSync(join(unpacked, "install.sh"), args, { encoding: "utf8", env: all });
  return { status, out: stdout, err: stderr };
}

test("the archive says its version, and nothing in it depends on who unpacks it", () => {
  const listed = execFileSync("tar", ["-tvzf", join(packages.folder, "switchback-1.2.3.tar.gz")], { encoding: "utf8" });
  for (const line of listed.trim().split("\n"))
    expect(line).toMatch(/^(?:-rw-r--r--|-rwxr-xr-x|drwxr-xr-x) 0\/0 .* switchback-1\.2\.3\//);
});

test("install.sh installs the agent into the root filesystem of an image, and a program that runs", () => {
  const own = join(destination, "usr/share/mender/modules/v3/script");
  mkdirSync(join(own, ".."), { recursive: true });
  writeFileSync(own, "mine");
  expect(install({ DESTDIR: destination, PREFIX: "/usr" })).toMatchObject({ status: 0, err: "" });
  const { stdout } = spawnSync(join(destination, "usr/bin/mender-update"), ["--help"], { encoding: "utf8" });
  expect(stdout).toContain("mender-update");
  expect(readdirSync(join(destination, "usr/lib/systemd/system"))).toEqual(readdirSync("systemd"));
  expect(readFileSync(join(destination, "usr/lib/systemd/system/switchback.service"), "utf8")).toBe(
    readFileSync("systemd/switchback.service", "utf8"),
  );
  expect(readFileSync(own, "utf8"), "a module of your own").toBe("mine");
  expect(statSync(join(own, "../deb")).mode & 0o777).toBe(0o755);
  expect(existsSync(join(destination, "usr/bin/mender-artifact"))).toBe(false);
});

test("a second run upgrades, and leaves no chunk of the old version", () => {
  const chunks = join(destination, "usr/lib/switchback/chunks");
  writeFileSync(join(chunks, "old-chunk.mjs"), "");
  expect(install({ DESTDIR: destination, PREFIX: "/usr" })).toMatchObject({ status: 0 });
  expect(readdirSync(chunks)).toEqual(readdirSync(join(unpacked, "lib/switchback/chunks")));
});

test("install.sh --tools installs the tools of a build host and no agent", () => {
  const host = mkdtempSync(join(packages.folder, "host-"));
  expect(install({ PREFIX: join(host, "opt") }, "--tools")).toMatchObject({ status: 0, err: "" });
  const bin = join(host, "opt/bin");
  expect(readdirSync(bin)).toEqual(["mender-artifact", "switchback-artifact", "switchback-image", "switchback-qemu"]);
  const { stdout } = spawnSync(join(bin, "mender-artifact"), ["--version"], { encoding: "utf8" });
  expect(stdout).toMatch(/^mender-artifact version/);
  const qemu = spawnSync(join(bin, "switchback-qemu"), ["test", "--help"], { encoding: "utf8", cwd: "/" });
  expect(qemu.stdout).toContain("switchback-qemu test");
  rmSync(host, { recursive: true });
});

test("with another prefix the units name the program by its path", () => {
  const root = mkdtempSync(join(packages.folder, "opt-"));
  expect(install({ DESTDIR: root, PREFIX: "/opt/switchback" })).toMatchObject({ status: 0 });
  const starts = readdirSync(join(root, "opt/switchback/lib/systemd/system"))
    .map((name) => readFileSync(join(root, "opt/switchback/lib/systemd/system", name), "utf8"))
    .flatMap((text) => text.match(/^ExecStart=.*$/gm) ?? []);
  expect(starts.map((line) => line.slice(0, 70))).toEqual([
    "ExecStart=/opt/switchback/bin/switchback poll --reboot",
    "ExecStart=/bin/sh -c '/opt/switchback/bin/switchback resume --reboot-e",
    "ExecStart=/opt/switchback/bin/switchback daemon",
  ]);
});

test("a Node that is too old, and a machine without Node, are refused before anything is installed", () => {
  const old = join(packages.folder, "old-node");
  writeFileSync(old, '#!/bin/sh\n[ "$1" = -p ] && echo 18.20.4\n', { mode: 0o755 });
  const prefix = join(packages.folder, "refused");
  for (const [node, finds] of [
    [old, "18.20.4"],
    [join(packages.folder, "nowhere"), "none"],
  ] as const) {
    expect(install({ PREFIX: prefix, NODE: node })).toEqual({
      status: 1,
      out: "",
      err: `install.sh: Switchback needs Node 20.19 or newer in the PATH, and finds: ${finds}. Nothing was installed.\n`,
    });
    expect(existsSync(prefix)).toBe(false);
  }
});

test("an option that it does not know gets its help", () => {
  expect(install({}, "--help")).toMatchObject({ status: 2, out: expect.stringContaining("./install.sh --tools") });
});
