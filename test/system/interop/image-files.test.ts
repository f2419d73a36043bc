import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, rmSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { ImageLab } from "../../cli/artifact/image-lab.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { headerDocument } from "./run-tools.ts";

/** The same work on files in the same images, by both tools. */
const lab = new ImageLab();
const { publicPath, privatePath } = makeKeyFiles(lab.folder, "rsa");
const host = lab.put("host-file", "from the host\n", 0o640);
const IMAGES = ["none.mender", "gzip.mender", "lzma.mender", "signed.mender", "bare.img", "mbr.sdimg", "gpt.uefiimg"];
const isArtifact = (image: string): boolean => image.endsWith(".mender");

beforeAll(() => {
  const rootfs = lab.makeRootfs("bare.img");
  for (const compression of ["none", "gzip", "lzma"]) {
    theirs(
      "write",
      "rootfs-image",
      "-t",
      "b",
      "-n",
      "r",
      "-f",
      rootfs,
      "-o",
      lab.at(`${compression}.mender`),
      "--compression",
      compression,
    );
  }
  theirs("write", "rootfs-image", "-t", "b", "-n", "r", "-f", rootfs, "-k", privatePath, "-o", lab.at("signed.mender"));
  lab.makeDisk("mbr.sdimg", "dos");
  lab.makeDisk("gpt.uefiimg", "gpt", false);
});
afterAll(() => lab.close());

function theirs(...args: readonly string[]): number | null {
  return spawnSync("mender-artifact", args, { cwd: lab.folder, input: "piped\n" }).status;
}

async function ours(...args: readonly string[]): Promise<number> {
  const io = new RecordingIo();
  await run("mender-artifact", args, io);
  return io.exitCode;
}

/** The file systems of an image, with every file in them. */
function treesOf(image: string): readonly Readonly<Record<string, string>>[] {
  if (isArtifact(image)) return [lab.tree(lab.imageOf(image))];
  if (image.endsWith(".img")) return [lab.tree(image)];
  const slots = image.endsWith(".sdimg") ? [2, 3, 4] : [2, 4];
  const boot = spawnSync("mdir", ["-b", "-/", "-i", lab.partition(image, 1), "::/"], { encoding: "utf8" }).stdout;
  const config = spawnSync("mtype", ["-i", lab.partition(image, 1), "::/config.txt"], { encoding: "utf8" }).stdout;
  return [{ boot, config }, ...slots.map((number) => lab.tree(lab.partition(image, number)))];
}

/** Both tools give the same exit status, and then the same files. `IMAGE` stands for the image. */
const CHANGES: readonly (readonly string[])[] = [
  ["cp", host, "IMAGE:/etc/new"],
  ["cp", host, "IMAGE:/etc/hostname"],
  ["cp", host, "IMAGE:/etc/link"],
  ["cp", host, "IMAGE:etc/relative"],
  ["cp", host, "IMAGE:/nowhere/new"],
  ["cp", "/nowhere", "IMAGE:/etc/new"],
  ["install", "-m", "0600", host, "IMAGE:/usr/bin/tool"],
  ["install", "--mode", "0755", host, "IMAGE:/etc/hostname"],
  ["install", host, "IMAGE:/etc/new"],
  ["install", "-m", "0600", host, "IMAGE:/nowhere/new"],
  ["install", "-d", "IMAGE:/new/deep/folder"],
  ["install", "--directory", "IMAGE:/etc/dir"],
  ["rm", "IMAGE:/etc/hostname"],
  ["rm", "IMAGE:/etc/link"],
  ["rm", "IMAGE:/etc/nothing"],
  ["rm", "IMAGE:/etc/dir"],
  ["rm", "IMAGE:/etc/dir/"],
  ["rm", "-r", "IMAGE:/usr/bin/"],
];

/** These reach other partitions, or show what differs with the kind of image. */
const EACH = new Set([`cp ${host} IMAGE:/etc/new`, `install --mode 0755 ${host} IMAGE:/etc/hostname`]);
const ON_DISKS: readonly (readonly string[])[] = [
  ["cp", host, "IMAGE:/uboot/new.txt"],
  ["cp", host, "IMAGE:/boot/efi/config.txt"],
  ["cp", host, "IMAGE:/data/etc/new"],
  ["rm", "IMAGE:/boot/grub/config.txt"],
  ["rm", "IMAGE:/data/etc/nothing"],
];

describe.each(IMAGES)("%s", (name) => {
  const isWhole = name === "bare.img";
  const onDisk = name === "mbr.sdimg" ? ON_DISKS : [];
  const changes = [...CHANGES.filter((args) => isWhole || EACH.has(args.join(" "))), ...onDisk];
  for (const change of changes) {
    test(change.join(" ").replaceAll(`${lab.folder}/`, ""), async () => {
      const results = [];
      for (const [tool, call] of Object.entries({ theirs, ours })) {
        const image = lab.at(`${tool}-${name}`);
        copyFileSync(lab.at(name), image);
        const status = await call(...change.map((word) => word.replace(/^IMAGE/, image)));
        const isSame = readFileSync(image).equals(readFileSync(lab.at(name)));
        results.push({ status, trees: treesOf(image), provides: isArtifact(image) && providesOf(image) });
        if (tool === "ours" && status !== 0) expect(isSame, "a failure changes nothing").toBe(true);
        if (isArtifact(image)) expect(theirs("validate", image), "the signature is gone").toBe(0);
      }
      const [real, own] = results;
      expect(own).toEqual(real);
      for (const tool of ["theirs", "ours"]) rmSync(lab.at(`${tool}-${name}`));
    });
  }
});

/** The checksum differs, because the image has the time of the change. */
function providesOf(artifact: string): unknown {
  const { artifact_provides: provides } = JSON.parse(headerDocument(artifact, "headers/0000/type-info"));
  const actual = createHash("sha256")
    .update(readFileSync(lab.imageOf(artifact)))
    .digest("hex");
  return { ...provides, "rootfs-image.checksum": provides["rootfs-image.checksum"] === actual };
}

describe.each(["gzip.mender", "bare.img", "mbr.sdimg"])("out of %s", (name) => {
  test.each(["/etc/hostname", "/etc/big", "etc/hostname", "/etc/nothing", "/nowhere/file"])(
    "cp and cat %s",
    async (path) => {
      const from = `${lab.at(name)}:${path}`;
      const statuses = [theirs("cp", from, lab.at("theirs.out")), await ours("cp", from, lab.at("ours.out"))];
      expect(statuses[1]).toBe(statuses[0]);
      if (statuses[0] !== 0) return;
      expect(readFileSync(lab.at("ours.out")).equals(readFileSync(lab.at("theirs.out")))).toBe(true);
      // The real tool takes the first four digits of the mode: 04755 becomes 0475.
      const mode = path === "/etc/big" ? 0o755 : statSync(lab.at("theirs.out")).mode & 0o7777;
      expect(statSync(lab.at("ours.out")).mode & 0o7777).toBe(mode);
    },
  );
});

test("what the real tool does wrong on these inputs is still wrong, and ours is right", async () => {
  const cat = spawnSync("mender-artifact", ["cat", `${lab.at("bare.img")}:/etc/big`]);
  expect([cat.status, cat.stdout.length, lab.big.length]).toEqual([0, 32_768, 300_000]);
  // A folder: the real tool writes its raw block into a file, and reports success.
  expect(theirs("cp", `${lab.at("bare.img")}:/etc/dir`, lab.at("folder-block"))).toBe(0);
  expect(statSync(lab.at("folder-block")).isFile()).toBe(true);
  expect(await ours("cp", `${lab.at("bare.img")}:/etc/dir`, lab.at("folder"))).toBe(0);
  expect(readFileSync(lab.at("folder/sub/deep"), "utf8")).toBe("deep\n");
  // A folder with content, or a decimal mode: refused, and 01204.
  copyFileSync(lab.at("bare.img"), lab.at("copy.img"));
  expect(theirs("rm", "-r", `${lab.at("copy.img")}:/etc/dir/`)).toBe(1);
  expect(await ours("rm", "-r", `${lab.at("copy.img")}:/etc/dir/`)).toBe(0);
  expect(theirs("install", "-m", "644", host, `${lab.at("copy.img")}:/etc/theirs`)).toBe(0);
  expect(await ours("install", "-m", "644", host, `${lab.at("copy.img")}:/etc/ours`)).toBe(0);
  const { "/etc/theirs": real, "/etc/ours": own } = lab.tree(lab.at("copy.img"));
  expect([real?.slice(0, 6), own?.slice(0, 6)]).toEqual(["100204", "100644"]);
  // The real tool refuses its own option.
  copyFileSync(lab.at("signed.mender"), lab.at("resigned.mender"));
  const resign = ["cp", "-k", privatePath, host, `${lab.at("resigned.mender")}:/etc/new`];
  expect(theirs(...resign)).toBe(1);
  expect(await ours(...resign)).toBe(0);
  expect(theirs("validate", "-k", publicPath, lab.at("resigned.mender"))).toBe(0);
});
