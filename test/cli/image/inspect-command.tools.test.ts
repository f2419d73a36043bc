import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dataPartition, environmentBytes, uBootDisk } from "../../image/inspect/board-images.ts";
import { writeDisk } from "../../image/inspect/disk-fixture.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { cli } from "../../support/test-board.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-inspect-cli-"));
  const dist = join(folder, "dist");
  mkdirSync(join(dist, "chunks"), { recursive: true });
  writeFileSync(join(dist, "switchback.mjs"), "");
  writeFileSync(join(dist, "chunks", "start-0.mjs"), 'var a="1.2.3";');
  await writeDisk(join(folder, "disk.img"), uBootDisk(dist, environmentBytes(folder), {}, dataPartition(8)));
  const bad = uBootDisk(dist, Buffer.alloc(0), { "etc/mender/artifact-verify-key.pem": "" });
  await writeDisk(join(folder, "bad.img"), bad);
  execFileSync("xz", ["-0", "-k", "disk.img"], { cwd: folder });
});
afterAll(() => rm(folder, { recursive: true }));

test("the examples of the help explain images, and jq shows what to do", async () => {
  const program = await BuiltProgram.build();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  await symlink(program.path, join(bin, "switchback"));
  const env = { ...process.env, PATH: [bin, process.env["PATH"]].join(delimiter) };
  const run = (line: string): string => execFileSync("sh", ["-c", line], { cwd: folder, encoding: "utf8", env });
  const help = (await cli("switchback", ["image", "inspect", "--help"])).out.join("\n");
  const lines = help.split("\n").filter((line) => line.startsWith("  switchback image inspect "));
  expect(lines).toHaveLength(3);
  const [plain = "", packed = "", json = ""] = lines.map(run);
  expect(plain).toContain("disk.img: disk, ");
  expect(plain).toMatch(/^ {2}2 +A +32 MiB +16 MiB +83 +ext4 /m);
  expect(plain).toContain("Agent: Switchback 1.2.3, /usr/lib/switchback/switchback.mjs, started by switchback.service");
  expect(plain).toContain("Boot loader: U-Boot, boots slot A, partition 2");
  expect(plain).toContain("0 warning, 0 wrong: a device with this image can install an update and roll it back.");
  expect(packed.split("\n").slice(1)).toEqual(plain.split("\n").slice(1));
  expect(packed).toContain("disk.img.xz: disk, ");
  expect(json).toBe("");
  const advice = run((lines[2] ?? "").replaceAll("disk.img", "bad.img"));
  expect(advice).toContain("Write it with mkenvimage (-r for two copies) to the places in /etc/fw_env.config.\n");
});

test("an image with a problem ends with status 1, and the line below the problem says what to do", async () => {
  const { exitCode, out } = await cli("switchback", ["image", "inspect", join(folder, "bad.img")]);
  expect(exitCode).toBe(1);
  const at = out.findIndex((line) => line.startsWith("wrong    verification key: "));
  expect(out[at + 1]).toBe("         -> Write it with: openssl pkey -in private.pem -pubout");
  expect(out.at(-1)).toMatch(/ok, 0 warning, 3 wrong: correct this before you put the image on a device\.$/);
});

test("the JSON object holds everything that the text shows", async () => {
  const { exitCode, out } = await cli("switchback", ["image", "inspect", "--json", join(folder, "disk.img")]);
  expect(exitCode).toBe(0);
  expect(out).toHaveLength(1);
  const report = JSON.parse(out[0] ?? "");
  expect(Object.keys(report).toSorted()).toEqual(
    [
      ...["artifact", "bootloader", "deviceType", "findings", "kind", "ok", "partitions", "path", "size", "systems"],
      "table",
    ].toSorted(),
  );
  expect(report.findings[0]).toEqual({ level: "ok", subject: "partition table", found: "dos, 4 partitions" });
});

test("an Artifact is no image, and the error says which command reads it", async () => {
  const path = join(folder, "release.mender");
  writeFileSync(join(folder, "version"), "1");
  execFileSync("tar", ["-H", "ustar", "-cf", path, "version"], { cwd: folder });
  const { exitCode, err } = await cli("switchback", ["image", "inspect", path]);
  expect(exitCode).toBe(1);
  expect(err.join("\n")).toContain("IMAGE_IS_ARTIFACT: The file is an Artifact. 'switchback artifact read' shows");
});
