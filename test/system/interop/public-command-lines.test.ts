import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { needs } from "../../support/needs.ts";
import { RecordingIo } from "../../support/recording-io.ts";

const { test } = needs("ext4");

/**
 * The shapes of the command lines that build scripts, Yocto classes and tutorials have, with other names. Both programs
 * get each of them in a folder of its own with the same files.
 */
interface Shape {
  /** Words that the shell would make of the line. */
  readonly line: string;
  /** Where 3.9 does not have the option: it must refuse the line, or the row does not belong here. */
  readonly since?: "newest";
  /** Needs a device or a token: only the words are tried. */
  readonly words?: true;
}

const rows = (lines: string, more: Partial<Shape> = {}): readonly Shape[] =>
  lines
    .trim()
    .split("\n")
    .map((line) => ({ line: line.trim(), ...more }));

const SHAPES: Readonly<Record<string, readonly Shape[]>> = {
  "write module-image": [
    ...rows(`
      write module-image -T single-file -t raspberrypi4 -n app-1.0 -f app -o out.mender
      write module-image -T single-file --device-type raspberrypi3 -o out.mender -n app-1.0 --software-name app --software-version 1.0 -f dest_dir -f filename -f permissions -f app
      write module-image -T script --device-type raspberrypi3 -o out.mender -n merge-1.0 -f app -s ArtifactInstall_Enter_01_merge
      write module-image -T script -n setup-1 -t a -t b -o out.mender -f app -f filename
      write module-image --type deb --artifact-name app-1.2 --device-type raspberrypi4 --device-type raspberrypi3 --output-path out.mender --file app.deb
      write module-image -T deb -n app-2 -t a -o out.mender -f app.deb -f lib.deb
      write module-image -t a -o out.mender -T web-file -n web-file-1.0 -f app
      write module-image -T mender-configure -o out.mender -n configure-1 -t a --software-version 1 --software-filesystem data-partition -m meta-data.json
      write module-image -T docker -n app-7 -t a -o out.mender -m meta-data.json
      write module-image --compression none --device-type zephyr-board --artifact-name hello-v1 --type hello --output-path out.mender --file app
      write module-image -T my-rootfs -n release-1 -t uno -k private.key -f rootfs.ext4 -o out.mender
      write module-image -T directory -n files-1 -t a -f update.tar -f dest_dir -o out.mender --no-default-software-version
      write module-image -T mod -n r -t a -f app -o out.mender --provides data-partition.app.version:1 --depends data-partition.app.version:0 --clears-provides data-partition.app.*
      write module-image -T mod -n r -t a -f app -o out.mender -p a:1 -d b:2 -N r0 -G beta -g beta --no-default-clears-provides
      --compression lzma write module-image -T mod -n r -t a -f app -o out.mender
      write module-image -T dfu -n fw-1 -t a -o out.mender -f app -s scripts --software-name fw`),
    ...rows(
      `
      write module-image -T single-file -c raspberrypi4 -n app-1.0 -f app -o out.mender
      write module-image --type deb --artifact-name app --compatible-types a --compatible-types b --output-path out.mender --file app.deb
      write module-image -T test-um -t test-device -n test-artifact -f app -f filename -o out.mender --no-progress
      write module-image -T mod -n r -t a -f app -o out.mender --compression zstd_better`,
      { since: "newest" },
    ),
  ],
  "write rootfs-image": [
    ...rows(`
      write rootfs-image -t beaglebone -n release-1 -f rootfs.ext4 -o out.mender
      write rootfs-image -t beaglebone -n release-1 --software-version rootfs-v1 -f rootfs.ext4 -o out.mender
      write rootfs-image -o out.mender -n release-1 -t docker-client -f app.deb
      write rootfs-image --device-type a --artifact-name v0.13 --file rootfs.ext4 --output-path out.mender
      write rootfs-image -n release-1 -t a -t b -k private.key -s scripts -f rootfs.ext4 -o out.mender
      write rootfs-image -n release-1 -t a --no-checksum-provide --no-default-software-version -f rootfs.ext4 -o out.mender
      write rootfs-image --compression none --device-type esp32 --artifact-name esp32-v0.2 --output-path out.mender --file rootfs.ext4
      --compression lzma write rootfs-image -t BUILDROOT -n 2024.02 -f rootfs.ext4 -o out.mender
      write rootfs-image -t a -n r -f rootfs.ext4 -o out.mender --depends rootfs-image.version:0 --provides-group canary --depends-groups canary
      write rootfs-image -v 3 -t a -n r -f rootfs.ext4 -o out.mender --key private.key --legacy-rootfs-image-checksum
      write rootfs-image -t a -n r --file=rootfs.ext4 --output-path=out.mender -no-progress`),
    ...rows(
      `
      write rootfs-image -c beaglebone -n release-1 -f rootfs.ext4 -o out.mender
      write rootfs-image --compatible-types a --artifact-name r --file rootfs.ext4 --output-path out.mender --compression zstd_fastest
      write rootfs-image -c a -c b -n r -f rootfs.ext4 -k private.key -o out.mender --compression zstd_best`,
      { since: "newest" },
    ),
    ...rows(
      `
      write rootfs-image -f ssh://user@127.0.0.1:1 -t a -n snapshot-1 -o out.mender
      write rootfs-image --file ssh://root@127.0.0.1 --device-type a --artifact-name snapshot-1 --output-path out.mender --ssh-args=-p1 --ssh-args=-oBatchMode=yes
      write rootfs-image -f ssh://root@127.0.0.1 -t a -n r -o out.mender -S -p1 -S -oBatchMode=yes`,
      { words: true },
    ),
  ],
  "write bootstrap-artifact": [
    ...rows(`
      write bootstrap-artifact --artifact-name release-1 --device-type a --output-path out.mender
      write bootstrap-artifact --compression none --artifact-name r --device-type a --provides rootfs-image.version:r --provides rootfs-image.checksum:0 --clears-provides rootfs-image.* --output-path out.mender
      write bootstrap-artifact --artifact-name keys --device-type a --provides rootfs-image.update-module.delta.version:1.0 --output-path out.mender
      --compression none write bootstrap-artifact -t test -n foo -o out.mender --no-progress
      write bootstrap-artifact -n r -t a -k private.key -o out.mender`),
    ...rows("write bootstrap-artifact --artifact-name release-1 -c a -c b --output-path out.mender", {
      since: "newest",
    }),
  ],
  read: rows(`
    read artifact.mender
    read --no-progress artifact.mender
    read signed.mender -k public.key
    read -k public.key signed.mender`),
  sign: [
    ...rows(`
      sign artifact.mender -k private.key -o out.mender
      sign artifact.mender -k private.key
      sign -k private.key artifact.mender
      sign artifact.mender --key private.key
      sign signed.mender -k private.key -f
      sign -f -k private.key -o out.mender signed.mender
      sign --output-path out.mender --key private.key artifact.mender`),
    ...rows("sign --key-pkcs11 pkcs11:token=none;object=none artifact.mender", { words: true }),
  ],
  validate: rows(`
    validate artifact.mender
    validate signed.mender -k public.key
    validate --key public.key signed.mender`),
  modify: [
    ...rows(`
      modify artifact.mender -k private.key
      modify -k private.key signed.mender
      modify -n release-2 artifact.mender
      modify artifact.mender --artifact-name release-2 -k private.key
      modify artifact.mender --compression none
      modify -p rootfs-image.version:9 -d a:b app.mender`),
    ...rows("modify --script scripts/ArtifactCommit_Enter_01_check artifact.mender", { since: "newest" }),
    ...rows(`
      modify artifact.mender --server-uri https://hosted.mender.io --tenant-token token
      modify artifact.mender -c motd -v public.key
      modify rootfs.ext4 -u https://ota.example.com`),
  ],
  "cp, cat, install, rm": rows(`
    cp artifact.mender:/etc/mender/mender.conf mender.conf
    cp motd artifact.mender:/etc/motd
    cp motd rootfs.img:/etc/motd
    cat artifact.mender:/etc/hosts
    cat rootfs.img:/etc/hosts
    install -m 600 private.key artifact.mender:/etc/device.pem
    install -m 644 motd rootfs.img:/etc/motd
    install -d artifact.mender:/etc/new
    rm artifact.mender:/etc/hosts
    rm -r rootfs.img:/etc/mender/`),
  dump: rows(`
    dump --files out-files app.mender
    dump --files out-files/ artifact.mender
    dump --scripts out-scripts --meta-data out-meta --files out-files --print-cmdline app.mender
    dump --print0-cmdline app.mender`),
};

const dir = mkdtempSync(join(tmpdir(), "switchback-lines-"));
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  rmSync(dir, { recursive: true });
});

beforeAll(() => {
  const at = (name: string): string => join(dir, "files", name);
  for (const folder of ["scripts", "tree/etc/mender"]) mkdirSync(at(folder), { recursive: true });
  for (const name of ["app", "app.deb", "lib.deb", "dest_dir", "filename", "permissions", "update.tar", "motd"])
    writeFileSync(at(name), `${name}\n`.repeat(200));
  for (const name of ["ArtifactInstall_Enter_01_merge", "scripts/ArtifactCommit_Enter_01_check"])
    writeFileSync(at(name), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(at("meta-data.json"), '{"a": 1}');
  writeFileSync(at("tree/etc/hosts"), "127.0.0.1 localhost\n");
  writeFileSync(at("tree/etc/mender/mender.conf"), '{"ServerURL":"https://x"}');
  const key = makeKeyFiles(dir, "rsa");
  cpSync(key.privatePath, at("private.key"));
  cpSync(key.publicPath, at("public.key"));
  writeFileSync(at("rootfs.ext4"), "");
  truncateSync(at("rootfs.ext4"), 1024 * 1024);
  execFileSync("mkfs.ext4", ["-q", "-O", "^has_journal", "-d", at("tree"), at("rootfs.ext4")]);
  // The original knows a file system by this name only.
  cpSync(at("rootfs.ext4"), at("rootfs.img"));
  const write = (...args: readonly string[]): Buffer => execFileSync("mender-artifact", ["write", ...args, "-t", "a"]);
  write("rootfs-image", "-n", "r1", "-f", at("rootfs.ext4"), "-o", at("artifact.mender"));
  write("rootfs-image", "-n", "r1", "-f", at("rootfs.ext4"), "-o", at("signed.mender"), "-k", at("private.key"));
  const module = ["module-image", "-T", "mod", "-n", "r1", "-f", at("app"), "-m", at("meta-data.json")];
  write(...module, "-s", at("scripts"), "-o", at("app.mender"));
});

/** Complaints about the line itself. */
const USAGE = /unknown option|unknown command|missing required argument|too many arguments|argument missing/;
const THEIR_USAGE = /flag provided but not defined|No help topic|Required flag|compressor .* is not supported/;

async function ours(words: readonly string[]): Promise<{ readonly status: number; readonly err: string }> {
  const io = new RecordingIo();
  await run("mender-artifact", words, io);
  return { status: io.exitCode, err: io.errLines.join("\n") };
}

function theirs(words: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync("mender-artifact", words, { encoding: "utf8", timeout: 20_000 });
  return { status, said: stdout + stderr };
}

/** A new folder with the files, in which both programs could work. */
function enter(name: string): void {
  process.chdir(dir);
  rmSync(name, { recursive: true, force: true });
  cpSync("files", name, { recursive: true });
  process.chdir(name);
}

for (const [command, shapes] of Object.entries(SHAPES)) {
  for (const { line, since, words } of shapes) {
    test(`${command}: '${line}' is accepted as by the original`, async () => {
      const args = line.split(/ +/);
      enter("theirs");
      const real = theirs(args);
      enter("ours");
      const mine = await ours(args);
      expect(mine.err).not.toMatch(USAGE);
      if (since === "newest") expect(real.said).toMatch(THEIR_USAGE);
      else expect(real.said).not.toMatch(THEIR_USAGE);
      if (words === true) return;
      expect(mine, line).toMatchObject({ status: 0 });
      if (since !== "newest") expect(real.status, real.said).toBe(0);
      if (existsSync("out.mender")) expect(theirs(["read", "out.mender"]).status).toBe(line.includes("zstd") ? 1 : 0);
    });
  }
}
