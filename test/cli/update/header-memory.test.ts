import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltProgram } from "../../support/built-program.ts";
import { BOARD_TYPE, TestBoard } from "../../support/test-board.ts";

const MIB = 1024 * 1024;
/** Both sizes fill the window of pieces that are compressed at the same time. */
const SMALL_MIB = 8;
const LARGE_MIB = 32;
/** Half of the difference in size between the two scripts. */
const BOUND_MIB = 12;

/** Makes the program print its peak resident memory on stderr. */
const SAY_PEAK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from "node:fs";
  process.on("exit", () => console.error(/VmHWM:.*/.exec(readFileSync("/proc/self/status", "utf8"))[0]));
`)}`;

let program: BuiltProgram;
let board: TestBoard;
beforeAll(async () => {
  program = await BuiltProgram.build();
  board = await TestBoard.make();
});
afterAll(() => board.remove());

async function peakMib(...argv: readonly string[]): Promise<number> {
  const { child, ended } = program.startWith(["--import", SAY_PEAK], ...argv);
  child.stdin?.end();
  const { exitCode, err } = await ended;
  expect(exitCode, err.join("\n")).toBe(0);
  return Number(/VmHWM:\s*(\d+) kB/.exec(err.join("\n"))?.[1]) / 1024;
}

/** The peaks of all commands on an Artifact with one script of this size. */
async function peaks(sizeMib: number): Promise<Readonly<Record<string, number>>> {
  const folder = board.file(`${sizeMib}`);
  await mkdir(folder);
  const script = `${folder}/ArtifactCommit_Leave_00`;
  await writeFile(script, Buffer.concat([Buffer.from("#!/bin/sh\nexit\n"), randomBytes(sizeMib * MIB)]));
  const artifact = `${folder}/artifact.mender`;
  const image = await board.image("v2");
  const files = ["-t", BOARD_TYPE, "-n", "v2", "-f", image, "-s", script, "-o", artifact];
  const found = {
    write: await peakMib("artifact", "write", "rootfs-image", ...files),
    read: await peakMib("artifact", "read", artifact),
    modify: await peakMib("artifact", "modify", "-n", "v2", artifact),
    install: await peakMib(...board.options, "install", artifact),
  };
  await program.run(...board.options, "rollback");
  return found;
}

const listed = (items: readonly string[]): string => `{"a":[${items.join()}]}`;
const repeated = (text: string, bytes: number): string[] =>
  Array.from({ length: Math.floor(bytes / (text.length + 1)) }, () => text);

interface MetaDataKind {
  /** Makes meta-data of nearly this size. */
  make(bytes: number): string;
  /** Options that show the meta-data: with indentation, nested lists would fill the disk. */
  readonly show: readonly string[];
}

const META_DATA: Readonly<Record<string, MetaDataKind>> = {
  texts: {
    make: (bytes) => listed(repeated('"meta-data in a text of 40 characters ..."', bytes)),
    show: ["read"],
  },
  // A parsed list takes thirty times its size, and an indented list takes a hundred times its size.
  "nested lists": {
    make: (bytes) => listed([`${"[".repeat(90)}${repeated("[]", bytes)}${"]".repeat(90)}`]),
    show: ["read", "--json"],
  },
};
/** Both sizes fill V8's space for young objects; the large one is the limit for meta-data. */
const SMALL_META_MIB = 1.5;
const LARGE_META_MIB = 3.99;

/** The peaks of all commands on an Artifact with meta-data of this size. */
async function metaDataPeaks({ make, show }: MetaDataKind, sizeMib: number): Promise<Readonly<Record<string, number>>> {
  const metaData = board.file("meta-data.json");
  await writeFile(metaData, make(sizeMib * MIB));
  const artifact = board.file("meta-data.mender");
  const files = ["-t", BOARD_TYPE, "-n", "v2", "-T", "quiet", "-m", metaData, "-o", artifact];
  const found = {
    write: await peakMib("artifact", "write", "module-image", ...files),
    read: await peakMib("artifact", ...show, artifact),
    install: await peakMib(...board.options, "install", artifact),
  };
  await program.run(...board.options, "rollback");
  return found;
}

test.each(Object.entries(META_DATA))(
  "memory does not grow with meta-data: %s",
  async (_title, kind) => {
    const modules = board.path("share/modules/v3");
    await mkdir(modules, { recursive: true });
    await writeFile(`${modules}/quiet`, '#!/bin/sh\n[ "$1" = SupportsRollback ] && echo Yes\nexit 0\n');
    await chmod(`${modules}/quiet`, 0o755);
    const small = await metaDataPeaks(kind, SMALL_META_MIB);
    const large = await metaDataPeaks(kind, LARGE_META_MIB);
    for (const [act, mib] of Object.entries(small)) {
      expect((large[act] ?? Number.NaN) - mib, `${act}: ${mib} MiB, then ${large[act]} MiB`).toBeLessThan(BOUND_MIB);
    }
  },
  90_000,
);

test("memory does not grow with state scripts", async () => {
  const small = await peaks(SMALL_MIB);
  const large = await peaks(LARGE_MIB);
  for (const [act, mib] of Object.entries(small)) {
    expect((large[act] ?? Number.NaN) - mib, `${act}: ${mib} MiB, then ${large[act]} MiB`).toBeLessThan(BOUND_MIB);
  }
});
