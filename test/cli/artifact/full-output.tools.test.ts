import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { virtualBoard } from "../../../src/agent/device/board.ts";
import { BuiltProgram, startProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";
import { type CliResult, cli, codesOf } from "../../support/test-board.ts";

const { test } = needs("mount");

const PAGE = 4096;
const MOST_PAGES = 64;

let program: BuiltProgram;
let folder: string;
/** A separate filesystem, which a test can fill to the last page. */
let small: string;
beforeAll(async () => {
  program = await BuiltProgram.build();
  folder = mkdtempSync(join(tmpdir(), "switchback-full-"));
  small = join(folder, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${MOST_PAGES * PAGE}`, "none", small]);
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(join(folder, "empty.conf"), "{}");
  await virtualBoard.writeImage(join(folder, "v.img"), "v2", 8 * 1024, "yes");
  expect((await cli("switchback", write(join(folder, "unsigned.mender")))).exitCode).toBe(0);
});
afterAll(() => {
  spawnSync("umount", [small]);
  rmSync(folder, { recursive: true, force: true });
});

const image = (): string => join(folder, "v.img");
const write = (output: string, ...more: readonly string[]): readonly string[] => [
  ...["artifact", "write", "rootfs-image", "-t", "t", "-n", "v2", "-f", image(), "-o", output, ...more],
];
const signing = (): readonly string[] => ["artifact", "sign", "-k", join(folder, "key.pem")];

interface Case {
  readonly title: string;
  /** Files that exist before the command. */
  prepare?(): Promise<unknown>;
  argv(): readonly string[];
  /** The command writes into its working directory, so it needs a separate process. */
  readonly inPlace?: true;
  readonly code: string;
  /**
   * Files that the command creates one after the other: each existing file must be complete. Absent: all or nothing.
   */
  readonly files?: Readonly<Record<string, (bytes: Buffer) => unknown>>;
}

const isJson = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
const CASES: readonly Case[] = [
  {
    title: "artifact write",
    argv: () => write(join(small, "x.mender"), "--compression", "none"),
    code: "OUTPUT_FAILED",
  },
  { title: "artifact write, compressing", argv: () => write(join(small, "x.mender")), code: "OUTPUT_FAILED" },
  {
    title: "artifact write module-image",
    argv: () => [
      ...["artifact", "write", "module-image", "-T", "app", "-t", "t", "-n", "n", "-f", image()],
      ...["-o", join(small, "x.mender")],
    ],
    code: "OUTPUT_FAILED",
  },
  {
    title: "artifact write bootstrap-artifact",
    argv: () => ["artifact", "write", "bootstrap-artifact", "-t", "t", "-n", "n", "-o", join(small, "x.mender")],
    code: "OUTPUT_FAILED",
  },
  {
    title: "artifact sign",
    argv: () => [...signing(), "-o", join(small, "signed"), join(folder, "unsigned.mender")],
    code: "OUTPUT_FAILED",
  },
  {
    title: "artifact sign in place",
    prepare: () => cp(join(folder, "unsigned.mender"), join(small, "a.mender")),
    argv: () => [...signing(), join(small, "a.mender")],
    code: "OUTPUT_FAILED",
  },
  {
    title: "board image",
    argv: () => ["board", "image", join(small, "v.img"), "--version", "v", "--size", "16K"],
    code: "OUTPUT_FAILED",
  },
  {
    title: "board create",
    argv: () => ["board", "create", join(small, "b"), "--slot-size", "16K"],
    code: "(?:BOARD_IO|BOOTENV_WRITE)",
  },
  {
    title: "adapter new",
    argv: () => ["adapter", "new", "bootloader", "toy"],
    inPlace: true,
    code: "OUTPUT_FAILED",
  },
  {
    title: "bootstrap",
    argv: () => ["-c", join(folder, "empty.conf"), "-d", join(small, "data"), "bootstrap"],
    code: "DEVICE_KEY_WRITE",
    files: { "mender-agent.pem": (bytes) => createPrivateKey(bytes) },
  },
  {
    title: "setup",
    argv: () => [
      ...["-c", join(small, "etc/mender.conf"), "-d", join(small, "data"), "setup", "--quiet"],
      ...["--device-type", "t", "--server-url", "https://ota.example.com"],
    ],
    code: "SETUP_WRITE",
    files: { "mender.conf": isJson, device_type: (bytes) => expect(bytes.toString()).toBe("device_type=t\n") },
  },
];

/** Fills the filesystem except for this number of pages. */
function leave(pages: number): void {
  const { bavail, bsize } = statfsSync(small);
  execFileSync("fallocate", ["-l", String(bavail * bsize - pages * PAGE), join(small, "filler")]);
  expect((statfsSync(small).bavail * bsize) / PAGE).toBe(pages);
}

/** Every file except the filler, with its content. */
function files(): ReadonlyMap<string, Buffer> {
  const all = readdirSync(small, { recursive: true, encoding: "utf8" }).filter((name) => name !== "filler");
  return new Map(
    all.filter((name) => statSync(join(small, name)).isFile()).map((name) => [name, readFileSync(join(small, name))]),
  );
}

/** Runs the built program with that filesystem as its working directory. */
async function inSmall(argv: readonly string[]): Promise<CliResult> {
  const enter = ["-c", 'cd "$1" && shift && exec "$@"', "sh", small];
  const { child, ended } = startProgram("sh", [...enter, process.execPath, program.path, ...argv]);
  child.stdin?.end();
  const { exitCode, out, err } = await ended;
  return { exitCode: exitCode ?? -1, out, err, log: [] };
}

/** @returns whether there was enough room */
async function runsWith(pages: number, { prepare, argv, inPlace, code, files: made }: Case): Promise<boolean> {
  for (const name of readdirSync(small)) rmSync(join(small, name), { recursive: true });
  await prepare?.();
  const before = files();
  leave(pages);
  const result = await (inPlace === true ? inSmall(argv()) : cli("switchback", argv()));
  if (result.exitCode === 0) return true;
  expect([result.exitCode, codesOf(result)], result.err.join("\n")).toEqual([1, [expect.stringMatching(code)]]);
  expect(result.err[0]).toContain("ENOSPC");
  if (made === undefined) {
    expect(files()).toEqual(before);
    return false;
  }
  for (const [name, bytes] of files()) {
    expect(name).not.toMatch(/\.new$/);
    made[name.replace(/.*\//, "")]?.(bytes);
  }
  return false;
}

test.each(CASES)("on a full disk $title fails in one line and leaves nothing half done", async (each) => {
  let pages = 0;
  while (!(await runsWith(pages, each))) pages++;
  expect(pages).toBeGreaterThan(0);
  expect(pages).toBeLessThan(MOST_PAGES - 8);
});
