import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { ClientBoard } from "../../../scripts/lib/client-board.ts";
import { GrubBoard } from "../../adapters/bootloader/grub/grub-board.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4", "namespaces", "bootLocks");

const SLOT_MIB = 8;
const IMAGE_BYTES = 1024 * 1024;
let built: BuiltProgram;
let board: ClientBoard;

beforeAll(async () => {
  built = await BuiltProgram.build();
});
beforeEach(() => {
  board = new ClientBoard(SLOT_MIB);
  writeFileSync(join(board.dir, "image"), "a new system");
  truncateSync(join(board.dir, "image"), IMAGE_BYTES);
  const options = ["-t", "bench-board", "-n", "release-1", "-f", join(board.dir, "image"), "-o", release()];
  const { status, stderr } = spawnSync(
    process.execPath,
    [built.path, "artifact", "write", "rootfs-image", ...options],
    { encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([0, ""]);
});
afterEach(() => board.close());

const release = (): string => join(board.dir, "release-1.mender");

/** Runs a command of the agent on the board, with `paths` mounted read-only. */
function agent(paths: readonly string[], argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const mounts = paths.map((path) => `mount --bind ${path} ${path} && mount -o remount,bind,ro ${path}`);
  const script = [...mounts, 'exec "$@"'].join(" && ");
  const program = ["sh", "-c", script, "sh", process.execPath, built.path, "-d", "/data"];
  return board.run("A", [...program, ...argv], { MENDER_DATA_DIR: "/data", ...env });
}

/** A description of the boot loader's board, and the path of its environment. */
const BOARDS = {
  fw_setenv() {
    board.configure({ Switchback: { BootEnv: "tools" } });
    return { paths: ["env1", "env2"].map((copy) => join(board.dir, copy)), env: {} };
  },
  "grub-mender-grubenv-set"() {
    const folder = join(board.dir, "grub");
    const bin = join(board.dir, "bin");
    new GrubBoard(folder, { A: board.partition("A"), B: board.partition("B") });
    writeFileSync(join(board.dir, "etc/mender_grubenv.config"), `ENV_DIR = ${folder}\n`);
    mkdirSync(bin);
    for (const tool of ["print", "set"]) {
      const standIn = "/project/test/adapters/bootloader/grub/mender-grubenv.sh";
      symlinkSync(standIn, join(bin, `grub-mender-grubenv-${tool}`));
    }
    // The configuration names no boot loader: the agent finds its tools.
    board.configure({ Switchback: { BootEnv: "tools" } });
    const env = { PATH: `${bin}:${process.env["PATH"]}`, GRUBENV_DIR: folder };
    return { paths: [1, 2].map((copy) => join(folder, `mender_grubenv${copy}`)), env };
  },
} as const;

for (const [tool, make] of Object.entries(BOARDS)) {
  test(`storage that ${tool} cannot write refuses an update before its first byte, and the doctor names it`, () => {
    const { paths, env } = make();
    const before = board.slotDigest(IMAGE_BYTES);
    const install = ["install", release()];
    const refused = agent(paths, install, env);
    expect({ exitCode: refused.exitCode, stderr: refused.stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/^Could not fulfill request: BOOTENV_WRITE: .*(?:env1|mender_grubenv1\/env)/m),
    });
    expect(board.slotDigest(IMAGE_BYTES)).toBe(before);
    expect(agent([], ["show-artifact"], env).stdout).toBe("release-0\n");
    const doctor = agent(paths, ["doctor"], env);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toMatch(/^wrong {4}storage of the boot environment: it cannot be written: .*BOOTENV_WRITE/m);
    expect(agent([], install, env), "once it can be written").toMatchObject({ exitCode: 0 });
  });
}

test("the doctor names GRUB on a board that has GRUB's tools and no section of Switchback's", () => {
  const { env } = BOARDS["grub-mender-grubenv-set"]();
  board.configure({});
  const { stdout } = agent([], ["doctor"], env);
  expect(stdout).toMatch(/^ok {7}plan of the boot loader \(grub\): the next start boots slot A/m);
  rmSync(join(board.dir, "bin"), { recursive: true });
  expect(agent([], ["doctor"]).stdout).toMatch(/^ok {7}plan of the boot loader \(uboot\): the next start boots/m);
});
