import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { theirs } from "./run-tools.ts";

const { test } = needs("mount", "loop", "ext4");

const MIB = 1024 * 1024;
const SIZE_MIB = 24;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-ssh-"));
});
afterEach(() => {
  spawnSync("umount", [inDir("mounted")]);
  rmSync(dir, { recursive: true });
});

const inDir = (name: string): string => join(dir, name);

function must(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  expect(status, `${command} ${args.join(" ")}: ${stderr}`).toBe(0);
}

/** Options of ssh with which it starts its own server, for this connection only and without a port. */
function ownServer(): readonly string[] {
  for (const key of ["host", "user"]) must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", inDir(key));
  const lines = [
    `HostKey ${inDir("host")}`,
    `AuthorizedKeysFile ${inDir("user.pub")}`,
    "StrictModes no",
    "PidFile none",
    `SetEnv PATH=${inDir("bin")}:${process.env["PATH"]}`,
  ];
  writeFileSync(inDir("sshd_config"), lines.map((line) => `${line}\n`).join(""));
  mkdirSync("/run/sshd", { recursive: true });
  const settings = [
    `ProxyCommand=/usr/sbin/sshd -i -f ${inDir("sshd_config")}`,
    `IdentityFile=${inDir("user")}`,
    `UserKnownHostsFile=${inDir("known_hosts")}`,
    "StrictHostKeyChecking=no",
  ];
  return settings.flatMap((setting) => ["-o", setting]);
}

test("mender-artifact makes an Artifact of a device that it reaches by ssh", () => {
  for (const name of ["bin", "mounted"]) mkdirSync(inDir(name));
  writeFileSync(inDir("disk"), "");
  truncateSync(inDir("disk"), SIZE_MIB * MIB);
  must("mkfs.ext4", "-q", inDir("disk"));
  must("mount", "-o", "loop", inDir("disk"), inDir("mounted"));
  writeFileSync(inDir("mounted/content"), Buffer.alloc(4 * MIB, "content"));
  // The tool always runs `mender snapshot dump` for the root filesystem, which no test may freeze.
  const agent = `exec node "${join(process.cwd(), "dist/switchback.mjs")}" -d "${inDir("data")}"`;
  const shell = `#!/bin/sh\n${agent} "$@" --source "${inDir("mounted")}"\n`;
  writeFileSync(inDir("bin/mender"), shell, { mode: 0o755 });

  const path = inDir("copy.mender");
  const options = ["-t", "toy", "-n", "copy", "--compression", "none", ...ownServer().flatMap((each) => ["-S", each])];
  theirs("write", "rootfs-image", ...options, "-o", path, "-f", "ssh://root@device");

  theirs("validate", path);
  theirs("dump", path, "--files", inDir("dumped"));
  const [image = ""] = spawnSync("find", [inDir("dumped"), "-type", "f"], { encoding: "utf8" }).stdout.split("\n");
  must("e2fsck", "-f", "-n", image);
  const content = spawnSync("debugfs", ["-R", "cat content", image], { maxBuffer: SIZE_MIB * MIB }).stdout;
  expect(content.equals(readFileSync(inDir("mounted/content")))).toBe(true);
});
