import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadImageBoard } from "../../../image/board/load.ts";
import { layoutOf } from "../../../image/layout.ts";
import { tarHeader } from "../../../src/artifact/tar-writer.ts";
import { extracted, makeTree, newFolder, put, said } from "../../image/image-rig.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { cli, codesOf } from "../../support/test-board.ts";

const execute = promisify(execFile);

const BOARD = `name: my-board
deviceType: my-board
console: ttyS0
disk: { label: gpt, alignment: 1M, device: /dev/sda }
partitions:
  - { role: boot, size: 34M }
  - { role: rootfsA, size: 32M }
  - { role: rootfsB, size: 32M }
  - { role: data, size: 16M }
bootloader: { kind: grub, script: grub.cfg }
`;
/** A disk of 8 GiB with all kinds of content. */
const LARGE = BOARD.replaceAll("32M", "3G").replace("16M", "1800M");
/** The limit for the program and each program that it starts. */
const LIMIT_MIB = 128;

let program: BuiltProgram;
let folder: string;
beforeAll(async () => {
  program = await BuiltProgram.build();
  folder = newFolder();
  put(folder, { "grub.cfg": "", "board.yaml": BOARD, "large.yaml": LARGE });
  put(folder, { "bin/switchback": `#!/bin/sh\nexec ${process.execPath} ${program.path} "$@"\n` });
  chmodSync(join(folder, "bin/switchback"), 0o755);
  const tree = makeTree(folder);
  execFileSync("cp", ["-a", tree, join(folder, "rootfs")]);
  execFileSync("tar", ["-C", tree, "-cf", join(folder, "rootfs.tar"), "."]);
  execFileSync("zstd", ["-qk", join(folder, "rootfs.tar")]);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  for (const name of readdirSync(folder))
    if (name.startsWith("disk") || name === "rootfs.ext4") rmSync(join(folder, name));
});

const at = (name: string): string => join(folder, name);
const shell = async (line: string): Promise<string> => {
  const env = { ...process.env, PATH: `${at("bin")}:${process.env["PATH"]}:/usr/sbin` };
  return (await execute("sh", ["-ec", line], { cwd: folder, env })).stdout;
};

test("the examples of the help text create images that bmaptool and sfdisk accept", async () => {
  expect(await shell("switchback image create board.yaml --rootfs rootfs.tar --output disk.img")).toBe(
    "Image written to disk.img (121634816 bytes)\n",
  );
  const layout = layoutOf(loadImageBoard(at("board.yaml")));
  const first = await extracted(at("disk.img"), layout, "rootfsA");
  expect(await said("debugfs", "-R", "cat etc/hostname", first)).toBe("board\n");
  const artifact = "--artifact-name release-1 --bmap -o disk.img.xz";
  await shell(`switchback image create board.yaml --rootfs rootfs.tar.zst ${artifact}`);
  await shell("bmaptool -q copy disk.img.xz disk.raw && xz -dk disk.img.xz -c | cmp - disk.raw");
  const data = await extracted(at("disk.raw"), layout, "data");
  await said("debugfs", "-R", `dump mender/bootstrap.mender ${at("disk.mender")}`, data);
  expect((await shell("switchback artifact read disk.mender")).trim()).toMatch(
    /Name: release-1[\s\S]*rootfs-image.version: release-1/,
  );
  await shell("fakeroot switchback image create board.yaml --rootfs rootfs/ --output disk.img");
  const again = await extracted(at("disk.img"), layout, "rootfsA");
  expect(await said("debugfs", "-R", "stat etc/hostname", again)).toMatch(/User: +0 +Group: +0/);
});

test("the examples of the guide make a first update from slot A", async () => {
  const create = "switchback image create board.yaml --rootfs rootfs.tar --output disk.img";
  await shell(`${create} --rootfs-output rootfs.ext4`);
  const layout = layoutOf(loadImageBoard(at("board.yaml")));
  const sum = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  expect(sum(at("rootfs.ext4"))).toBe(sum(await extracted(at("disk.img"), layout, "rootfsA")));
  await shell("switchback artifact write rootfs-image -t my-board -n release-2 -f rootfs.ext4 -o disk-2.mender");
  expect(await shell("switchback artifact read disk-2.mender")).toMatch(/Name: release-2/);
});

test("--json describes the image, and options with mistakes are refused", async () => {
  const given = ["image", "create", at("board.yaml"), "--rootfs", at("rootfs.tar"), "-o", at("disk.img")];
  const { out } = await cli("switchback", [...given, "--json"]);
  expect(JSON.parse(out.join(""))).toMatchObject({
    board: "my-board",
    device_type: "my-board",
    table: "gpt",
    partitions: [
      { number: 1, role: "boot", offset: 1048576 },
      { node: "/dev/sda2" },
      { role: "rootfsB" },
      { filesystem: "ext4" },
    ],
  });
  const io = new RecordingIo();
  Object.assign(io, { env: { SOURCE_DATE_EPOCH: "yesterday" } });
  expect(codesOf(await cli("switchback", given, io))).toEqual(["OPTION_INVALID"]);
  expect(codesOf(await cli("switchback", [...given, "--bootstrap", at("none")]))).toEqual(["IMAGE_INPUT"]);
  const nowhere = given.map((word) => (word === at("disk.img") ? "/nowhere/disk.img" : word));
  expect(codesOf(await cli("switchback", nowhere))).toEqual(["OUTPUT_FAILED"]);
});

test("a missing program is named with its package, and nothing is left behind", async () => {
  const before = readdirSync(folder);
  const env = { PATH: "/nowhere" };
  const argv = [program.path, "image", "create", "board.yaml", "--rootfs", "rootfs.tar", "-o", "disk.img"];
  // The tool looks where Debian keeps system programs, too, so only grub-mkimage of /usr/bin is missing.
  const failed = await execute(process.execPath, argv, { cwd: folder, env }).catch(
    (error: { stderr: string }) => error,
  );
  expect(failed.stderr).toMatch(/IMAGE_TOOL_MISSING: .*program=(?:grub-mkimage, package=grub-common|find)/);
  expect(readdirSync(folder)).toEqual(before);
});

/** An archive with this many empty files, in folders of 100. */
function manyFiles(count: number): Buffer {
  const header = (name: string): Uint8Array => tarHeader({ name, mode: 0o644, sizeBytes: 0 });
  const names = Array.from(
    { length: count },
    (_, index) => `usr/share/folder-${Math.floor(index / 100)}/file-${index}`,
  );
  return Buffer.concat([...names.map(header), Buffer.alloc(1024)]);
}

test("an image of 8 GiB or of 64,000 files takes no more memory than a small one: neither the program nor those that it starts", async () => {
  const large = at("disk-rootfs.img");
  writeFileSync(large, "x");
  truncateSync(large, 3 * 1024 ** 3);
  const peaks: number[] = [];
  writeFileSync(at("many.tar"), manyFiles(64_000));
  for (const rootfs of ["rootfs.tar", "disk-rootfs.img", "many.tar"]) {
    const argv = [program.path, "image", "create", "large.yaml", "--rootfs", rootfs, "-o", "disk.img"];
    const { stderr } = await execute("/usr/bin/time", ["-f", "%M", process.execPath, ...argv], { cwd: folder });
    // The largest of all processes, in KiB.
    peaks.push(Number(stderr.trim().split("\n").at(-1)) / 1024);
    expect(existsSync(at("disk.img"))).toBe(true);
  }
  expect(Math.max(...peaks)).toBeLessThan(LIMIT_MIB);
});
