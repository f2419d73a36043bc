import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SCENARIO_MS } from "./test-board.ts";

let folder: string;
let rig: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-leftovers-"));
});
afterEach(async () => {
  rig?.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

const ENDED = ""; // ignored: the process is no more, or has just ended.
const textOf = (path: string): Promise<string> => readFile(path, "utf8").catch(() => ENDED);

/** The emulator that a process has started, once it runs. */
async function emulatorOf(pid: number): Promise<number> {
  for (;;) {
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const children = (await textOf(`/proc/${pid}/task/${task}/children`)).trim().split(" ").filter(Boolean);
      for (const child of children)
        if ((await textOf(`/proc/${child}/comm`)).startsWith("qemu-system")) return Number(child);
    }
    await setTimeout(100);
  }
}

test(
  "a machine has one processor for all its threads, and a rig that is killed takes it along",
  async () => {
    const argv = ["scripts/run.mjs", "qemu", "x86-64-grub", "--keep", folder];
    rig = spawn(process.execPath, argv, { stdio: "ignore" });
    const emulator = await emulatorOf(rig.pid ?? 0);
    expect(await textOf(`/proc/${emulator}/status`)).toMatch(/^Cpus_allowed_list:\s*\d+$/m);
    rig.kill("SIGKILL");
    await expect.poll(() => textOf(`/proc/${emulator}/cmdline`), { timeout: 10_000 }).toBe("");
  },
  SCENARIO_MS,
);
