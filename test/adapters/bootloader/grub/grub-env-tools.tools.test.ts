import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GRUB_ENV_TOOLS } from "../../../../adapters/bootloader/grub/grub-env-tools.ts";
import { createMenderEnvBootloader } from "../../../../adapters/bootloader/mender-env.ts";
import { createToolEnv } from "../../../../adapters/bootloader/tool-env.ts";
import { createChildProcess } from "../../../../adapters/process/child-process.ts";
import type { BootEnv } from "../../../../src/ports/boot-env.ts";
import { GrubBoard } from "./grub-board.ts";

// The tools are a stand-in, mender-grubenv.sh: Debian has no package of the real ones.

const { signal } = new AbortController();
const PARTITIONS = { A: 2, B: 10 };
const BOTH_UP = { A: "up", B: "up" } as const;

let folder = "";
let board: GrubBoard;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-grub-"));
  mkdirSync(join(folder, "bin"));
  for (const [tool] of [GRUB_ENV_TOOLS.printArgv, GRUB_ENV_TOOLS.setArgv]) {
    symlinkSync(join(import.meta.dirname, "mender-grubenv.sh"), join(folder, "bin", tool));
  }
  board = new GrubBoard(folder, PARTITIONS);
  board.install(0);
});
afterEach(() => rm(folder, { recursive: true }));

const pairs = (variables: Readonly<Record<string, string>>) => new Map(Object.entries(variables));
const list = (copy: 1 | 2): string[] =>
  execFileSync("grub-editenv", [board.path(copy, "env"), "list"], { encoding: "utf8" })
    .trim()
    .split("\n");

function tools(): BootEnv {
  const bin = join(folder, "bin");
  const env = { PATH: process.env["PATH"], GRUBENV_DIR: folder };
  const { printArgv, setArgv } = GRUB_ENV_TOOLS;
  const argvs = { printArgv: [join(bin, printArgv[0])], setArgv: [join(bin, setArgv[0])] } as const;
  return createToolEnv(createChildProcess({ env }), { ...GRUB_ENV_TOOLS, ...argvs });
}

const bootloader = () =>
  createMenderEnvBootloader({ kind: "grub", env: tools(), partitions: PARTITIONS, booted: async () => "A" });

test("arm, confirm and revert leave exactly the variables of the contract in both copies", async () => {
  for (const [change, left] of [
    [() => bootloader().arm("B", signal), ["0", "10", "1", "A"]],
    [() => bootloader().confirm(signal), ["0", "10", "0", "A"]],
    [() => bootloader().revert("A", signal), ["0", "2", "0", "2"]],
  ] as const) {
    await change();
    const [count, part, trial, hex] = left;
    for (const copy of [1, 2] as const) {
      expect(list(copy)).toEqual([
        `bootcount=${count}`,
        `mender_boot_part=${part}`,
        "note=",
        `upgrade_available=${trial}`,
        `mender_boot_part_hex=${hex}`,
      ]);
    }
  }
});

test("a missing variable and an empty one both count as not set", async () => {
  expect(await tools().read(["absent", "note"], signal)).toEqual(new Map());
  expect(await tools().read(["absent", "bootcount"], signal)).toEqual(new Map([["bootcount", "0"]]));
});

test("a value with blanks, which these tools take only behind a blank, lands at the second try", async () => {
  await tools().write(pairs({ note: "root=/dev/sda2 quiet" }), signal);
  for (const copy of [1, 2] as const) expect(list(copy)).toContain("note=root=/dev/sda2 quiet");
});

for (const [stopAfter, up] of [
  [1, "A"],
  [2, "A"],
  [3, "A"],
  [4, "B"],
  [5, "B"],
  [6, "B"],
] as const) {
  test(`arming cut off after change ${stopAfter} of 6 boots ${up}, and can be repeated`, async () => {
    const cut = join(folder, "bin", GRUB_ENV_TOOLS.setArgv[0]);
    const input = "mender_boot_part=10\nmender_boot_part_hex=A\nupgrade_available=1\nbootcount=0\n";
    const env = { ...process.env, GRUBENV_DIR: folder, STOP_AFTER: String(stopAfter) };
    expect(() => execFileSync(cut, ["-s", "-"], { input, env })).toThrow(expect.objectContaining({ status: 9 }));
    expect(board.boot(BOTH_UP)).toBe(up);
    expect(board.boot(BOTH_UP)).toBe("A");
    await bootloader().arm("B", signal);
    expect(list(1)).toEqual(list(2));
    expect(board.boot(BOTH_UP)).toBe("B");
  });
}

test("tools that fail are named with their words", async () => {
  await rm(join(folder, "mender_grubenv1"), { recursive: true });
  await expect(tools().read(["bootcount"], signal)).rejects.toMatchObject({
    code: "BOOTENV_READ",
    detail: { exitStatus: 2, said: "Cannot determine environment directory." },
  });
});

test("a lock that another program holds for longer than the tools wait is waited for by trying again", async () => {
  const lock = join(folder, "tool.lock");
  writeFileSync(lock, "");
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec sleep 1.3"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  await tools().write(pairs({ bootcount: "1" }), signal);
  expect(list(1)).toContain("bootcount=1");
});

test("tools that are missing are named, with the package that brings them", async () => {
  const env = createToolEnv(createChildProcess({ env: { PATH: "/nowhere" } }), GRUB_ENV_TOOLS);
  await expect(env.read(["bootcount"], signal)).rejects.toMatchObject({
    code: "BOOTENV_TOOL",
    detail: { tool: "grub-mender-grubenv-print", package: "grub-mender-grubenv" },
  });
});
