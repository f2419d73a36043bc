import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { ours, theirs } from "./run-tools.ts";

const { test } = needs("ext4");

/** The same changes to files in the same images, by both tools. */
const dir = mkdtempSync(join(tmpdir(), "switchback-modify-image-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));

beforeAll(() => {
  mkdirSync(at("tree/etc/mender"), { recursive: true });
  writeFileSync(at("tree/etc/mender/mender.conf"), '{"ServerURL":"https://old","RetryPollCount":3}');
  writeFileSync(at("certificate"), "certificate of the server\n");
  writeFileSync(at("image.img"), "");
  truncateSync(at("image.img"), 2 * 1024 * 1024);
  execFileSync("mkfs.ext4", ["-q", "-d", at("tree"), at("image.img")]);
  const module = ["-T", "mod", "-t", "a", "-n", "r1", "-f", at("image.img"), "-o", at("module.mender")];
  theirs("write", "rootfs-image", "-t", "a", "-n", "r1", "-f", at("image.img"), "-o", at("rootfs.mender"));
  theirs("write", "module-image", ...module);
});

const FILES = ["mender.conf", "artifact_info", "server.crt", "artifact-verify-key.pem"];

/** The files that `modify` may change, as the real tool reads them. The settings as JSON: ours are indented. */
const filesIn = (image: string): readonly unknown[] =>
  FILES.map((name) => {
    try {
      const text = execFileSync("mender-artifact", ["cat", `${at(image)}:/etc/mender/${name}`], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      return name === "mender.conf" ? JSON.parse(text) : text;
    } catch {
      return "missing";
    }
  });

const comparable = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => !/ modified: |checksum: /.test(line)).toSorted();

for (const image of ["image.img", "rootfs.mender", "module.mender"])
  for (const edit of [
    ["-n", "r2"],
    ["--server-uri", "https://ota.example.com", "--tenant-token", "token"],
    ["-c", at("certificate"), "-v", at("certificate"), "-n", "r3"],
  ]) {
    const words = edit.join(" ").replaceAll(`${dir}/`, "");
    test(`modify ${words} changes the files in ${image} that the real tool changes`, async () => {
      const [mine, real] = [`ours-${image}`, `theirs-${image}`];
      for (const name of [mine, real]) copyFileSync(at(image), at(name));
      await ours("modify", ...edit, at(mine));
      theirs("modify", ...edit, at(real));
      expect(filesIn(mine)).toEqual(filesIn(real));
      if (image.endsWith(".img")) return;
      theirs("validate", at(mine));
      expect(comparable(theirs("read", at(mine)))).toEqual(comparable(theirs("read", at(real))));
    });
  }
