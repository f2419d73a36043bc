import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { VERSION } from "../../../src/version.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";

/** The same command lines for both programs, in a folder with the same files. */
const dir = mkdtempSync(join(tmpdir(), "switchback-tool-name-"));
const at = (name: string): string => join(dir, name);
const [key, other] = [makeKeyFiles(dir, "rsa"), makeKeyFiles(dir, "rsa", "other")];

interface NameResult {
  readonly status: number | null;
  readonly out: readonly string[];
}

async function ours(args: readonly string[]): Promise<NameResult & { readonly err: readonly string[] }> {
  const io = new RecordingIo();
  await run("mender-artifact", args, io);
  return { status: io.exitCode, out: io.outLines, err: io.errLines };
}

function theirs(args: readonly string[]): NameResult {
  const { status, stdout } = spawnSync("mender-artifact", args, {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  return { status, out: stdout === "" ? [] : stdout.replace(/\n$/, "").split("\n") };
}

beforeAll(() => {
  writeFileSync(at("image"), Buffer.alloc(100_000, "root file system"));
  writeFileSync(at("app"), "application");
  const write = ["write", "rootfs-image", "-t", "a", "-n", "r", "-f", at("image")];
  theirs([...write, "-o", at("plain")]);
  theirs([...write, "-k", key.privatePath, "-o", at("signed")]);
  theirs([...write, "--compression", "none", "-o", at("damaged")]);
  const damaged = readFileSync(at("damaged"));
  damaged[damaged.length - 5000] = (damaged.at(-5000) ?? 0) ^ 1;
  writeFileSync(at("damaged"), damaged);
  writeFileSync(at("short"), damaged.subarray(0, 3000));
});
beforeEach(() => copyFileSync(at("plain"), at("work")));
afterAll(() => rmSync(dir, { recursive: true }));

const ROOTFS = ["write", "rootfs-image", "-t", "a", "-n", "r", "-f", at("image"), "-o", at("out")];
const MODULE = ["write", "module-image", "-t", "a", "-n", "r", "-T", "mod", "-o", at("out")];
const BOOTSTRAP = ["write", "bootstrap-artifact", "-t", "a", "-n", "r", "-o", at("out")];

/** Expects the original's exit status and its lines on standard output. */
const SAME: readonly (readonly string[])[] = [
  ROOTFS,
  [...ROOTFS, "--compression", "lzma", "--no-progress"],
  ["--compression", "none", ...ROOTFS],
  ["write", "rootfs-image", "-device-type=a", "-artifact-name", "r", "-f=".concat(at("image")), "-o", at("out")],
  [...ROOTFS, "-no-checksum-provide=true", "--no-progress=false", "--legacy-rootfs-image-checksum=false"],
  [...ROOTFS, "-d", "-x:y", "--key", key.privatePath],
  [...ROOTFS, "-s", at("app")],
  [...ROOTFS, "-k", at("nofile")],
  [...ROOTFS, "-f", at("nofile")],
  [...ROOTFS, "-o", at("nofolder/out")],
  [...ROOTFS, "-v", "4"],
  [...ROOTFS, "--compression", "brotli"],
  [...MODULE, "-f", at("app")],
  MODULE,
  [...MODULE, "-f", at("nofile")],
  BOOTSTRAP,
  [...BOOTSTRAP, "-p", "rootfs-image.version:r"],
  ["validate", at("plain")],
  ["validate", at("signed")],
  ["validate", "-k", key.publicPath, at("signed")],
  ["validate", at("signed"), "-key", key.publicPath],
  ["validate", "-k", other.publicPath, at("signed")],
  ["validate", "-k", key.publicPath, at("plain")],
  ["validate", at("damaged")],
  ["validate", at("short")],
  ["validate", at("image")],
  ["validate", dir],
  ["validate", at("nofile")],
  ["read", at("plain")],
  ["read", at("signed")],
  ["read", "-no-progress", "-k", key.publicPath, at("plain")],
  ["read", at("damaged")],
  ["read", at("short")],
  ["read", at("image")],
  ["read", at("nofile")],
  ["sign", "-k", key.privatePath, at("work")],
  ["sign", at("work"), "--key", key.privatePath, "-output-path", at("out")],
  ["sign", "-k", key.privatePath, at("signed")],
  ["sign", "-f=true", "-k", key.privatePath, "-o", at("out"), at("signed")],
  ["sign", "--force=false", "-k", key.privatePath, "-o", at("out"), at("signed")],
  ["sign", at("work")],
  ["sign", "-k", at("nofile"), at("work")],
  ["sign", "-k", key.publicPath, at("work")],
  ["sign", "-k", key.privatePath, at("nofile")],
  ["sign", "-k", key.privatePath, at("image")],
  ["sign", "-k", key.privatePath, "-o", at("nofolder/out"), at("work")],
  ["sign", "-k", key.privatePath],
  ["frobnicate"],
  ["write", "frobnicate"],
];

for (const args of SAME) {
  test(`'${args.join(" ").replaceAll(`${dir}/`, "")}' is answered as by the original`, async () => {
    const expected = theirs(args);
    const before = readFileSync(at("plain"));
    copyFileSync(at("plain"), at("work"));
    const { status, out } = await ours(args);
    expect({ status, out }).toEqual(expected);
    expect(readFileSync(at("plain")).equals(before)).toBe(true);
  });
}

/** Each program words its help and errors itself, so only the exit status is compared. */
const SAME_STATUS: readonly (readonly string[])[] = [
  [],
  ["--help"],
  ["-h"],
  ["help"],
  ["help", "read"],
  ["write"],
  ["write", "rootfs-image", "-h"],
  ["validate", "-help"],
  ["--frobnicate"],
  ["read", "--frobnicate", at("plain")],
  ["read", "--no-progress=perhaps", at("plain")],
  ["write", "rootfs-image", "-t", "a", "-n", "r"],
  ["write", "rootfs-image", "-t", "a", "-f", at("image")],
  ["write", "rootfs-image", "-n", "r", "-f", at("image")],
  ["write", "module-image", "-t", "a", "-n", "r"],
  [...BOOTSTRAP, "-f", at("app")],
  [...BOOTSTRAP, "-s", at("app")],
  [...ROOTFS, "--gcp-kms-key", "x"],
];

for (const args of SAME_STATUS) {
  test(`'${args.join(" ").replaceAll(`${dir}/`, "")}' ends with the exit status of the original`, async () => {
    expect((await ours(args)).status).toBe(theirs(args).status);
  });
}

/** The original exits with 0 although it did nothing; Switchback fails. */
const FAILS: readonly (readonly string[])[] = [
  ["validate"],
  ["read"],
  ["validate", "-k", at("nofile"), at("signed")],
  ["validate", "-k", at("app"), at("signed")],
  ["read", "-k", at("nofile"), at("signed")],
  ["validate", at("plain"), at("damaged")],
  [...ROOTFS, "-p", "nocolon"],
  [...MODULE, "-m", at("nofile")],
  [...MODULE, "-m", at("app")],
];

for (const args of FAILS) {
  test(`'${args.join(" ").replaceAll(`${dir}/`, "")}' fails, although the original exits 0`, async () => {
    expect([(await ours(args)).status, theirs(args).status]).toEqual([1, 0]);
  });
}

test("--version names the program as the original does", async () => {
  for (const option of ["--version", "-v", "-version"]) {
    const { status, out } = await ours([option]);
    expect({ status, out }).toEqual({ status: 0, out: [`mender-artifact version ${VERSION}`] });
    expect(theirs([option]).out).toEqual([expect.stringMatching(/^mender-artifact version \d+\.\d+\.\d+/)]);
  }
});

test("help shows what to type under this name", async () => {
  for (const args of [["--help"], ["write", "--help"], ["sign", "--help"]]) {
    const text = (await ours(args)).out.join("\n");
    expect(text).toContain("mender-artifact ");
    expect(text).not.toContain("switchback artifact");
  }
});

test("a name with a blank inside is written, which the original reads, but does not write", async () => {
  const write = ["write", "rootfs-image", "-t", "a b", "-n", "my release", "-f", at("image"), "-o", at("blank")];
  theirs(write);
  expect(existsSync(at("blank"))).toBe(false);
  expect((await ours(write)).status).toBe(0);
  expect(theirs(["validate", at("blank")]).status).toBe(0);
  expect(theirs(["read", at("blank")])).toEqual({ status: 0, out: (await ours(["read", at("blank")])).out });
});
