import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../../src/contracts/bootloader.ts";
import { BOOTLOADER_READ_CONTRACT } from "../../../src/contracts/bootloader-reads.ts";
import { BOOTLOADER_STORAGE_CONTRACT } from "../../../src/contracts/bootloader-storage.ts";
import { needs } from "../../support/needs.ts";
import { cli, codesOf, INSTALLED, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { COUNTING, FOR_COUNTING } from "../counting-firmware.ts";

/** The adapter from the page, exactly as a reader would copy it. */
const page = await readFile("docs/porting.md", "utf8");
const TOY = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(page)?.[1] ?? "";

const PROMISES = BOOTLOADER_CONTRACT.length + BOOTLOADER_STORAGE_CONTRACT.length + BOOTLOADER_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-adapter-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(code: string, name = "toy.sh"): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, code, { mode: 0o755 });
  return path;
}

async function check(code: string, ...options: readonly string[]) {
  const result = await cli("switchback", ["adapter", "check", await put(code), "--json", ...options]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, verdicts, broken: verdicts.filter(({ kept }) => !kept).map(({ promise }) => promise) };
}

/** The toy with one part replaced. */
function changed(from: string, to: string): string {
  expect(TOY).toContain(from);
  return TOY.replaceAll(from, () => to);
}

test("the adapter of the porting page is clean for shellcheck", async () => {
  const { stdout, status } = spawnSync("shellcheck", ["--shell=sh", await put(TOY)], { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

test("the adapter of the porting page passes the check", async () => {
  const { exitCode, broken, verdicts } = await check(TOY);
  expect({ exitCode, broken, promises: verdicts.length }).toEqual({ exitCode: 0, broken: [], promises: PROMISES });
});

const CUT = "a power cut anywhere in arming leaves the old plan or the new one";
const DURABLE = "arming is durable once the adapter reports success";

/** Common mistakes in shell scripts, and the promise that each breaks. */
const SABOTAGES: Readonly<Record<string, readonly [from: string, to: string, promise: string]>> = {
  "arms without a trial": [
    "upgrade_available=1 bootcount=0",
    "upgrade_available=0",
    "arming plans the other slot on trial and leaves the running slot unchanged",
  ],
  "writes in two steps": ['_hex=$part" upgrade_available=1', '_hex=$part"; store upgrade_available=1', CUT],
  "forgets the counter when it confirms": [
    "\tstore upgrade_available=0\n",
    "\tstore bootcount=0\n",
    "a confirmed slot boots at every power-on",
  ],
  "reverts to the wrong slot": [
    '_hex=$part" upgrade_available=0',
    '_hex=$part" upgrade_available=0; store mender_boot_part=3 mender_boot_part_hex=3',
    "reverting before the reboot cancels the trial",
  ],
  "asks the environment what is booted": [
    `case " $cmdline " in`,
    `look_up mender_boot_part; if [ "$found" = 2 ]; then set A; else set B; fi; eval "root=\\$SWITCHBACK_SLOT_$1"; case " root=$root " in`,
    "the adapter reads the running slot from the running system, never from the boot environment",
  ],
  "tells of a trial that is over": [
    "look_up upgrade_available\n",
    "look_up bootcount; found=$(echo \"$found\" | sed 's/[1-9]/1/;s/0/1/')\n",
    "booted and plan change nothing: after a fallback, they still show that the trial is over",
  ],
  "does not sync the new file": [`\tsync "$env.new" || fail BOOTENV_WRITE "$env.new"\n`, "", CUT],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in the script.
  "does not sync the folder": ['\tsync "${env%/*}" || fail BOOTENV_WRITE "${env%/*}"\n', "", DURABLE],
  "swallows an error": ["|| fail BOOTENV_WRITE", "|| :", "arming reports an error when writes to storage fail"],
  // A failure inside $(...) ends only the subshell, and the script treats every unexpected word as "no trial".
  "reads inside of $(...), and guesses": [
    'look_up upgrade_available\n\tcase $found in\n\t1) echo "trial yes" ;;\n\t0) echo "trial no" ;;\n\t*) fail BOOTENV_READ "upgrade_available is neither 0 nor 1" ;;',
    'case $(look_up upgrade_available; echo "$found") in\n\t1) echo "trial yes" ;;\n\t*) echo "trial no" ;;',
    "if a read fails, plan fails or gives the same answer",
  ],
  "takes an environment that cannot be read for an empty one": [
    "|| [ $? -eq 1 ]",
    "|| :",
    "if a read fails, confirming fails or completes",
  ],
};

describe("a program fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const { exitCode, broken, verdicts } = await check(changed(from, to), "--only", promise);
      expect({ exitCode, broken }).toEqual({ exitCode: 1, broken: [promise] });
      expect(verdicts[0]?.reason).not.toMatch(/ADAPTER_SANDBOX/);
    });
  }
});

test.each<[string, string]>([
  ["plan", "mender_boot_part"],
  ["plan", "upgrade_available"],
])("the program on the page reports when its %s cannot read %s", (request, name) => {
  const root = join(dir, "root");
  mkdirSync(join(root, "boot"), { recursive: true });
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "boot/env"), "mender_boot_part=2\nupgrade_available=0\n");
  writeFileSync(join(root, "bin/sed"), `#!/bin/sh\ncase "$*" in *${name}*) exit 4 ;; esac\nexec /bin/sed "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(join(dir, "toy"), TOY, { mode: 0o755 });
  const env = { SWITCHBACK_ROOT: root, PATH: `${root}/bin:${process.env["PATH"]}` };
  const { status, stdout } = spawnSync(join(dir, "toy"), [request], { env, encoding: "utf8" });
  expect({ status, last: stdout.trim().split("\n").at(-1) }).toEqual({
    status: 1,
    last: `error BOOTENV_READ ${root}/boot/env`,
  });
});

test("a way of writing that the check cannot follow is reported, and does not pass", async () => {
  const moved = changed('mv "$env.new" "$env"', 'mv "$env.new" /tmp/sb-$$ && mv /tmp/sb-$$ "$env"');
  const { verdicts } = await check(moved, "--only", CUT);
  expect(verdicts[0]?.reason).toMatch(/ADAPTER_SANDBOX/);
});

describe("a boot loader with a rule of its own", () => {
  test("is played by the board's own program", async () => {
    const firmware = await put(COUNTING, "firmware");
    const { exitCode, broken } = await check(FOR_COUNTING, "--firmware", firmware);
    expect({ exitCode, broken }).toEqual({ exitCode: 0, broken: [] });
  });

  test("and a confirm that forgets its counter loses the update some power-ons later", async () => {
    const firmware = await put(COUNTING, "firmware");
    const forgets = FOR_COUNTING.replace('store "$slot -"', ":");
    const only = "a confirmed slot boots at every power-on";
    expect((await check(forgets, "--firmware", firmware, "--only", only)).broken).toEqual([only]);
  });
});

describe("on the virtual board, the adapter of the porting page", () => {
  let board: TestBoard;
  beforeEach(async () => {
    board = await TestBoard.make();
    await board.configure({ Switchback: { Bootloader: { Program: await put(TOY) }, Board: board.dir } });
  });
  afterEach(() => board.remove());

  test("installs, boots and keeps an update", async () => {
    expect(await board.agent("install", await board.release("v2"))).toMatchObject({ exitCode: 0, out: INSTALLED });
    expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
    expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."] });
    expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
  });

  test("rolls an update back", async () => {
    await board.agent("install", await board.release("v2"));
    await board.boot();
    expect((await board.agent("rollback")).out[0]).toBe("Rolled back.");
    expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
  });

  test("falls back by itself from a system that hangs", async () => {
    await board.agent("install", await board.release("v2", "hangs"));
    expect((await board.boot()).outcome).toEqual({ kind: "hangs", slot: "B" });
    expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
    expect(codesOf(await board.agent("commit"))).toEqual(["BOOT_REVERTED"]);
  });

  needs("mount").test(
    "refuses an update before its first byte if its storage is read-only, and the doctor reports this",
    async () => {
      const boot = board.path("boot");
      const before = await board.slot("B");
      const release = await board.release("v2");
      for (const options of [
        ["--bind", boot],
        ["-o", "remount,bind,ro"],
      ]) {
        expect(spawnSync("mount", [...options, boot]).status).toBe(0);
      }
      try {
        expect(codesOf(await board.agent("install", release))).toEqual(["BOOTENV_WRITE"]);
        const { exitCode, out } = await board.agent("doctor");
        expect(exitCode).toBe(1);
        expect(out).toContainEqual(expect.stringMatching(/^wrong {4}storage of the boot environment: .*BOOTENV_WRITE/));
      } finally {
        spawnSync("umount", [boot]);
      }
      expect(await board.slot("B")).toEqual(before);
      expect((await board.agent("show-artifact")).out, "not …_INCONSISTENT").toEqual(["v1"]);
      expect(await board.agent("install", release)).toMatchObject({ exitCode: 0, out: INSTALLED });
    },
  );
});
