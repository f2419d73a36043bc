import { execFileSync, spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { empty } from "../../support/answers.ts";
import { BuiltProgram, type Ended } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";
import { ManagedBoard } from "../managed/managed-board.ts";

const { test } = needs("mount");

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program);
  // The boot environment is on a separate filesystem, which the test can make read-only.
  const boot = device.board.path("boot");
  const away = device.board.file("boot-before");
  cpSync(boot, away, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", boot]);
  cpSync(away, boot, { recursive: true });
});
afterEach(async () => {
  spawnSync("umount", [device.board.path("boot")]);
  await device.remove();
});

const make = (how: "ro" | "rw"): void =>
  void execFileSync("mount", ["-o", `remount,${how}`, device.board.path("boot")]);

const agent = (...argv: readonly string[]): Promise<Ended> => device.run(...argv);

/**
 * The rollback of an update has failed: the update is over, the boot loader still names its slot, and the store records
 * this.
 */
async function expectOwed(where: string): Promise<void> {
  expect(await device.board.stored(), where).toMatchObject({ "rootfs-image-origin": "revert:A" });
  expect(await device.board.pending(), where).toBeUndefined();
  expect(await device.board.env(), where).toMatchObject({ mender_boot_part: "3", upgrade_available: "1" });
}

async function expectUndone(): Promise<void> {
  expect(await device.board.env()).toMatchObject({ mender_boot_part: "2", upgrade_available: "0" });
  expect(await device.board.stored()).not.toHaveProperty("rootfs-image-origin");
  await device.board.boot();
  expect(await device.board.status()).toMatchObject({ running: "A", trial: false });
}

test("each command for updates tries a rollback again that could not be written, until it is", async () => {
  const { board } = device;
  const release = await board.release("v2");
  expect((await agent("install", release)).exitCode).toBe(0);
  await board.boot();
  make("ro");
  for (const argv of [["rollback"], ["resume"], ["commit"], ["rollback"], ["install", release]]) {
    const { exitCode, err } = await agent(...argv);
    expect([exitCode, err.join("\n")]).toEqual([1, expect.stringContaining("BOOTENV_WRITE")]);
    await expectOwed(argv.join(" "));
  }
  make("rw");
  expect((await agent("resume")).err.join("\n")).toContain("rollback that failed before is complete");
  await expectUndone();
  expect((await agent("install", release)).exitCode).toBe(0);
});

for (const command of ["daemon", "poll"]) {
  test(`each start of '${command}' retries a rollback that could not be written, with or without a deployment`, async () => {
    const { board, server } = device;
    await device.deploy(await board.release("v2"));
    expect((await agent("daemon")).exitCode).toBe(4);
    await board.boot();
    make("ro");
    // The server aborts the deployment.
    server.answer("status", empty(409), empty(204));
    const start = async (): Promise<readonly string[]> =>
      (await (command === "daemon" ? device.daemonUntilIdle() : agent("poll", "--now"))).err;
    await start();
    expect(device.statuses.at(-1)).toBe("failure");
    await expectOwed("after the deployment");
    expect((await start()).join("\n")).toContain("BOOTENV_WRITE");
    await expectOwed("after the next start");
    make("rw");
    expect((await start()).join("\n")).toContain("rollback that failed before is complete");
    await expectUndone();
  });
}
