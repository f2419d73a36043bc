import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { headerDocument, ours, theirs } from "./run-tools.ts";

/** The same changes to the same Artifacts, by both tools. */
const dir = mkdtempSync(join(tmpdir(), "switchback-modify-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));

const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content, { mode: 0o755 });
  return at(name);
};
const key = makeKeyFiles(dir, "rsa");
const ec = makeKeyFiles(dir, "ec", "ec");
const image = put("image", Buffer.alloc(300_000, "no file system "));
const app = put("app", "application");
const script = put("ArtifactInstall_Enter_01_stop", "#!/bin/sh\n");
const metaData = put("meta.json", '{"b":{"z":1,"y":[2]},"a":"x"}');
const COMMON = ["-t", "board-a", "-t", "board-b", "-n", "release-1"];
const FULL = [
  "-p",
  "one:1",
  "-p",
  "two:2:2",
  "-d",
  "boot:1",
  "-N",
  "release-0",
  "-G",
  "old",
  "-g",
  "new",
  "-s",
  script,
];

const SOURCES: Readonly<Record<string, readonly string[]>> = {
  rootfs: ["rootfs-image", ...COMMON, "-f", image],
  legacy: ["rootfs-image", ...COMMON, "-f", image, "--legacy-rootfs-image-checksum", "--compression", "lzma"],
  signed: ["rootfs-image", ...COMMON, "-f", image, "-k", key.privatePath, "--compression", "none", ...FULL],
  module: ["module-image", ...COMMON, "-T", "mod", "-f", app, "-f", image, "-m", metaData, ...FULL],
  small: ["module-image", ...COMMON, "-T", "mod", "-f", app, "--no-default-software-version", "--compression", "lzma"],
};

const EDITS: readonly (readonly string[])[] = [
  [],
  ["-n", "release-2"],
  ["--name", "release-2"],
  ["--artifact-name", "release-2", "--name", "release-3"],
  ["-k", key.privatePath],
  ["-k", ec.privatePath, "-n", "release-2"],
  ["-N", "release-1", "-N", "release-1b"],
  ["--depends-groups", "stable", "--depends-groups", "beta"],
  ["-g", "canary"],
  ["-g", ""],
  ["-p", "three:3"],
  ["-p", "rootfs-image.checksum:wrong", "-p", "rootfs-image.version:9", "-p", "a:1", "-p", "a:2"],
  ["-d", "ram:1G", "-d", "boot:2"],
  ["--clears-provides", "legacy.*", "--clears-provides", "rootfs-image.*"],
  ["--delete-clears-provides", "rootfs-image.*", "--clears-provides", "legacy.*"],
  ["--compression", "none", "-n", "release-2"],
  ["--compression", "lzma"],
  ["--compression", "gzip", "-k", key.privatePath],
  ["-m", at("new.json")],
];

beforeAll(() => {
  put("new.json", '{"numbers":[1,2.5],"text":"é"}');
  for (const [name, args] of Object.entries(SOURCES)) theirs("write", ...args, "-o", at(name));
});

interface Result {
  readonly members: readonly string[];
  readonly manifest: readonly string[];
  readonly headerInfo: string;
  readonly typeInfo: string;
  readonly read: readonly string[];
}

const tar = (path: string, ...args: readonly string[]): string[] =>
  execFileSync("tar", [...args.slice(0, 1), path, ...args.slice(1)], { encoding: "utf8" })
    .trim()
    .split("\n");

/**
 * What both tools must agree on. The real tool repeats the type `rootfs-image` in the type-info, which it leaves empty
 * when it writes an Artifact; and it compresses the header differently.
 */
async function resultOf(path: string, verify: readonly string[]): Promise<Result> {
  theirs("validate", ...verify, path);
  await ours("validate", ...verify, path);
  const read = theirs("read", ...verify, path);
  const own = (await ours("read", ...verify, path)).filter((line) => !line.startsWith("  Verified with:"));
  expect([...own].sort()).toEqual([...read].sort());
  return {
    members: tar(path, "-tf"),
    manifest: tar(path, "-xOf", "manifest").filter((line) => !line.includes("  header.tar")),
    headerInfo: headerDocument(path, "header-info"),
    typeInfo: headerDocument(path, "headers/0000/type-info").replace('"type":"rootfs-image"', '"type":""'),
    read: [...read].filter((line) => !line.includes(" modified: ")).sort(),
  };
}

/** These show what depends on the Artifact; the other edits are the same for every Artifact. */
const EACH = new Set(["", "-n release-2", `-k ${key.privatePath}`, "--compression lzma"]);

for (const source of Object.keys(SOURCES)) {
  const isWhole = source === "rootfs" || source === "module";
  for (const edit of EDITS.filter((args) => isWhole || EACH.has(args.join(" ")))) {
    const words = edit.join(" ").replaceAll(`${dir}/`, "");
    test(`modify ${words} of '${source}' gives what the real tool gives`, async () => {
      const verify = edit.includes("-k") ? ["-k", edit.includes(ec.privatePath) ? ec.publicPath : key.publicPath] : [];
      copyFileSync(at(source), at("ours"));
      copyFileSync(at(source), at("theirs"));
      const original = readFileSync(at(source));
      await modified(source, edit);
      theirs("modify", ...edit, at("theirs"));
      const [mine, real] = [await resultOf(at("ours"), verify), await resultOf(at("theirs"), verify)];
      expect(mine).toEqual(real);
      expect(readFileSync(at(source)).equals(original)).toBe(true);
      const isAnew = edit.includes("--compression");
      if (!isAnew) expect(dataOf("ours").equals(dataOf(source)), "the payload is copied as it is stored").toBe(true);
    });
  }
}

/** Ours says that a signature is lost; nothing else. */
async function modified(source: string, edit: readonly string[]): Promise<void> {
  const { run } = await import("../../../src/cli/run.ts");
  const { RecordingIo } = await import("../../support/recording-io.ts");
  const io = new RecordingIo();
  await run("mender-artifact", ["modify", ...edit, at("ours")], io);
  const isLost = source === "signed" && !edit.includes("-k");
  expect(io.errLines.filter((line) => line.startsWith("warning: the signature"))).toHaveLength(isLost ? 1 : 0);
  expect([io.exitCode, io.outLines]).toEqual([0, []]);
}

const dataOf = (name: string): Buffer => {
  const member = tar(at(name), "-tf").find((line) => line.startsWith("data/")) ?? "";
  return execFileSync("tar", ["-xOf", at(name), member]);
};
