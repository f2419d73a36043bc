import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cat } from "../../../src/cli/artifact/files/cat.ts";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { ImageLab } from "./image-lab.ts";
import { artifact, failure } from "./run-artifact.ts";

/** The owner of all files in the images: mke2fs takes it over from the folder that it copies. */
const OWNER = `${process.getuid?.()}:${process.getgid?.()}`;

const lab = new ImageLab();
const keys = makeKeyFiles(lab.folder, "rsa");
const SUFFIXES: Readonly<Record<string, string>> = { none: "", gzip: ".gz", lzma: ".xz", zstd: ".zst" };
const COMPRESSORS = Object.keys(SUFFIXES);

beforeAll(async () => {
  const rootfs = lab.makeRootfs("rootfs.ext4");
  for (const id of COMPRESSORS) await written(`${id}.mender`, "-f", rootfs, "--compression", id);
  await written("signed.mender", "-f", rootfs, "-k", keys.privatePath);
  await written("flat.mender", "-f", lab.put("flat", Buffer.alloc(64 * 1024, "no file system")));
  lab.makeDisk("disk.sdimg", "dos");
});
afterAll(() => lab.close());

const written = (name: string, ...more: readonly string[]) =>
  done("write", "rootfs-image", "-t", "b", "-n", "r", "-o", lab.at(name), ...more);

async function done(...args: readonly string[]): Promise<RecordingIo> {
  const io = await artifact(...args);
  expect({ args, exit: io.exitCode, err: io.errLines }).toEqual({ args, exit: 0, err: [] });
  return io;
}

/** A copy that the test may change. */
function copyOf(name: string): string {
  const copy = lab.at(`copy-${name}`);
  copyFileSync(lab.at(name), copy);
  return copy;
}

async function bytesOf(argument: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const output = new PassThrough().on("data", (chunk: Buffer) => chunks.push(chunk));
  await cat(argument, new RecordingIo(), output);
  return Buffer.concat(chunks);
}

test.each(COMPRESSORS)("files of an Artifact with '%s' are printed, listed and changed", async (id) => {
  const image = copyOf(`${id}.mender`);
  expect((await bytesOf(`${image}:/etc/big`)).equals(lab.big)).toBe(true);
  expect((await bytesOf(`${image}:/etc/link`)).toString()).toBe("board\n");
  expect((await done("ls", `${image}:/etc`)).outLines).toEqual(["big", "dir", "hostname", "link"]);
  await done("cp", lab.put("new", "new\n", 0o640), `${image}:/etc/hostname`);
  await done("validate", image);
  expect(lab.run("tar", "-tf", image)).toContain(`data/0000.tar${SUFFIXES[id]}\n`);
  expect((await bytesOf(`${image}:/etc/link`)).toString()).toBe("new\n");
  expect(lab.tree(lab.imageOf(image))["/etc/hostname"]).toBe(`100640 ${OWNER} new\n`);
});

test("'ls' shows modes, owners, sizes and targets of links, as text and as JSON", async () => {
  const image = lab.at("rootfs.ext4");
  expect((await done("ls", "-l", `${image}:/etc`)).outLines).toEqual([
    `- 4755 ${OWNER.padEnd(11)}     300000 big`,
    `d 0755 ${OWNER.padEnd(11)}          0 dir`,
    `- 0644 ${OWNER.padEnd(11)}          6 hostname`,
    `l 0777 ${OWNER.padEnd(11)}          8 link -> hostname`,
  ]);
  const [json = ""] = (await done("ls", "--json", `${image}:/etc/link`)).outLines;
  expect(JSON.parse(json)).toEqual({
    entries: [
      { name: "/etc/link", kind: "file", mode: "0644", uid: process.getuid?.(), gid: process.getgid?.(), size: 6 },
    ],
  });
  expect((await done("ls", `${lab.at("disk.sdimg")}:/uboot`)).outLines).toEqual(["config.txt"]);
  expect((await done("ls", `${lab.at("disk.sdimg")}:/data`)).outLines).toEqual(["etc", "lost+found"]);
});

test("a folder is copied in and out whole, into a folder or under a new name, with its modes and links", async () => {
  const tree = lab.at("overlay");
  mkdirSync(join(tree, "bin dir"), { recursive: true });
  writeFileSync(join(tree, "bin dir/tool"), "tool", { mode: 0o755 });
  symlinkSync("/etc/passwd", join(tree, "outside"));
  const image = copyOf("rootfs.ext4");
  await done("cp", tree, `${image}:/opt`);
  await done("cp", "-r", tree, `${image}:/etc/`);
  await done("cp", join(tree, "bin dir/tool"), `${image}:/usr/bin`);
  const found = lab.tree(image);
  expect(found["/opt/bin dir/tool"]).toBe(`100755 ${OWNER} tool`);
  expect(found["/etc/overlay/outside"]).toBe(`120777 ${OWNER} /etc/passwd`);
  expect(found["/usr/bin/tool"]).toBe(`100755 ${OWNER} tool`);

  const out = lab.at("out");
  mkdirSync(out);
  await done("cp", `${image}:/opt`, out);
  await done("cp", `${image}:/opt`, join(out, "renamed"));
  await done("cp", `${image}:/etc/big`, out);
  for (const name of ["opt", "renamed"]) {
    expect(readFileSync(join(out, name, "bin dir/tool"), "utf8")).toBe("tool");
    expect(readlinkSync(join(out, name, "outside")), "links are copied and not followed").toBe("/etc/passwd");
  }
  expect(readFileSync(join(out, "big")).equals(lab.big)).toBe(true);
});

test("a pipe is copied in with the mode of mender-artifact", async () => {
  const image = copyOf("rootfs.ext4");
  const pipe = lab.at("pipe");
  lab.run("mkfifo", pipe);
  const feeding = execFile("sh", "-c", `printf piped >'${pipe}'`);
  await done("cp", pipe, `${image}:/etc/piped`);
  await feeding;
  expect(lab.tree(image)["/etc/piped"]).toBe(`100600 ${OWNER} piped`);
});

const execFile = async (program: string, ...args: readonly string[]): Promise<void> => {
  const child = spawn(program, args);
  await new Promise((resolve) => child.once("close", resolve));
};

test("on a disk, one command changes both slots, and no byte outside of them", async () => {
  const disk = copyOf("disk.sdimg");
  await done("install", "-m", "0600", lab.put("secret", "secret"), `${disk}:/etc/secret`);
  await done("install", "-d", "-m", "0700", `${disk}:/data/a/b`);
  await done("rm", "-r", `${disk}:/etc/dir`);
  for (const slot of [2, 3]) {
    const found = lab.tree(lab.partition(disk, slot));
    expect([found["/etc/secret"], found["/etc/dir/sub/deep"]]).toEqual([`100600 ${OWNER} secret`, undefined]);
  }
  expect(lab.tree(lab.partition(disk, 4))["/a/b"]).toMatch(`40700 ${OWNER}`);
  const before = readFileSync(lab.at("disk.sdimg"));
  const after = readFileSync(disk);
  expect(after.subarray(0, 9 << 20).equals(before.subarray(0, 9 << 20))).toBe(true);
  expect(after.length).toBe(before.length);
});

test("a changed Artifact loses its signature with a warning, or gets a new one", async () => {
  const image = copyOf("signed.mender");
  const io = await artifact("rm", `${image}:/etc/hostname`);
  expect([io.exitCode, io.errLines]).toEqual([0, [expect.stringMatching(/^warning: the signature of .* was removed/)]]);
  await done("validate", image);
  await done("install", "-m", "755", "-k", keys.privatePath, lab.put("tool", "t"), `${image}:/usr/bin/tool`);
  await done("validate", "-k", keys.publicPath, image);
});

test("what cannot be done is refused by name, and the image stays as it was", async () => {
  const file = lab.put("file", "x");
  const big = lab.put("too-big", Buffer.alloc(9 << 20, 1));
  const refusals: readonly (readonly [string, string, readonly string[]])[] = [
    ["none.mender", "IMAGE_PARTITION", ["cp", file, "IMAGE:/data/x"]],
    ["none.mender", "IMAGE_PARTITION", ["cat", "IMAGE:/boot/efi/x"]],
    ["none.mender", "IMAGE_FULL", ["cp", big, "IMAGE:/etc/big"]],
    ["flat.mender", "IMAGE_FILE_SYSTEM", ["cat", "IMAGE:/etc/x"]],
    ["rootfs.ext4", "IMAGE_FULL", ["cp", big, "IMAGE:/etc/big"]],
    ["rootfs.ext4", "IMAGE_FILE_MISSING", ["cat", "IMAGE:/etc/x"]],
    ["rootfs.ext4", "IMAGE_FILE_MISSING", ["ls", "IMAGE:/x"]],
    ["rootfs.ext4", "IMAGE_FILE_MISSING", ["cp", "IMAGE:/x", lab.at("none")]],
    ["rootfs.ext4", "IMAGE_FILE_KIND", ["cat", "IMAGE:/etc"]],
    ["rootfs.ext4", "IMAGE_FILE_KIND", ["rm", "IMAGE:/etc/dir"]],
    ["rootfs.ext4", "IMAGE_FILE_KIND", ["rm", "IMAGE:/etc/dir/"]],
    ["rootfs.ext4", "IMAGE_PATH", ["cp", file, "IMAGE:/etc/a\nb"]],
    ["rootfs.ext4", "OPTION_INVALID", ["cp", "-k", keys.privatePath, file, "IMAGE:/etc/x"]],
    ["rootfs.ext4", "OPTION_INVALID", ["install", "-m", "u+x", file, "IMAGE:/etc/x"]],
    ["rootfs.ext4", "OPTION_MISSING", ["install", file, "IMAGE:/etc/x"]],
    ["rootfs.ext4", "IMAGE_ARGUMENT", ["install", "-m", "0644", "IMAGE:/etc/x"]],
    ["rootfs.ext4", "IMAGE_ARGUMENT", ["cp", file, lab.at("elsewhere")]],
    ["rootfs.ext4", "IMAGE_ARGUMENT", ["cp", "IMAGE:/etc/hostname", "IMAGE:/etc/x"]],
    ["rootfs.ext4", "IMAGE_ARGUMENT", ["cat", "IMAGE:"]],
    ["rootfs.ext4", "PAYLOAD_UNREADABLE", ["cp", lab.at("none"), "IMAGE:/etc/x"]],
    ["disk.sdimg", "IMAGE_FILE_MISSING", ["rm", "IMAGE:/uboot/none"]],
    ["file", "IMAGE_ARGUMENT", ["cat", "IMAGE:/x"]],
    ["none.img", "IMAGE_UNREADABLE", ["cat", "IMAGE:/x"]],
  ];
  for (const [name, code, args] of refusals) {
    const before = name === "none.img" ? undefined : readFileSync(lab.at(name));
    const words = args.map((word) => word.replace(/^IMAGE/, lab.at(name)));
    expect(await failure(...words), words.join(" ")).toContain(`${code}: `);
    if (before !== undefined) expect(readFileSync(lab.at(name)).equals(before), words.join(" ")).toBe(true);
  }
  expect(readdirSync(lab.folder).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("an interrupted command leaves the old image, and nothing beside it", async () => {
  for (const name of ["zstd.mender", "disk.sdimg"]) {
    const image = copyOf(name);
    const before = readFileSync(image);
    const io = new RecordingIo();
    const running = run("switchback", ["artifact", "cp", lab.put("file", "x"), `${image}:/etc/x`], io);
    while (!readdirSync(lab.folder).some((entry) => entry.endsWith(".new"))) await new Promise(setImmediate);
    io.interrupt.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
    expect(readFileSync(image).equals(before), name).toBe(true);
    expect(readdirSync(lab.folder).filter((entry) => entry.endsWith(".new"))).toEqual([]);
  }
});
