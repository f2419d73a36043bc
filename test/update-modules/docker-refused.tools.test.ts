import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { severalPayloads } from "../artifact/several-payloads.ts";
import { BuiltProgram, type Ended, startProgram } from "../support/built-program.ts";
import { needs } from "../support/needs.ts";
import { MEMORY_FOLDER, TestBoard } from "../support/test-board.ts";
import type { Recovery } from "../system/crash/crash-device.ts";
import { instantsAfterSaves } from "../system/crash/instants.ts";
import { shipModule } from "../system/crash/scenarios.ts";
import { Tally } from "../system/crash/tally.ts";
import { losePower, readDisk } from "../system/crash/volatile.ts";
import { type WatchOptions, watchedRun } from "../system/crash/watched-run.ts";
import { ContainerEngine } from "./container-engine.ts";

const { test } = needs("containers");

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_113);
const CUTS = 5;
const OLD = { images: ["localhost/app:1"], containers: ["localhost/app:1"] };

// Every container is refused: by the kernel if this machine allows no containers, otherwise because its file is not a
// program.
const DOCKER = `#!/bin/sh
echo "$1" >>"$ENGINE/commands"
exec podman "$@"
`;

let program: BuiltProgram;
const tally = new Tally(`SIGKILL in updates whose container is refused, seed ${SEED}`);
let board: TestBoard;
let engine: ContainerEngine;
beforeAll(async () => {
  program = await BuiltProgram.build();
});
afterAll(() => tally.tell());
beforeEach(async () => {
  board = await TestBoard.make({ parent: MEMORY_FOLDER });
  await shipModule(board, "docker");
  for (const folder of ["engine", "bin"]) mkdirSync(board.file(folder));
  writeFileSync(board.file("bin/docker"), DOCKER, { mode: 0o755 });
  engine = new ContainerEngine(board.file("engine"));
  const app = engine.archive("localhost/app:2", "new");
  engine.build("localhost/app:1", "old");
  engine.podman("create", "--network", "none", "localhost/app:1");
  const metaData = { containers: ["localhost/app:2"], run_args: "--network none" };
  writeFileSync(
    board.file("v2.mender"),
    severalPayloads("v2", [{ type: "docker", files: { "app.tar": app }, metaData }]),
  );
});
afterEach(async () => {
  unmount();
  await board.remove();
});

const env = () => ({ ...engine.env, PATH: `${board.file("bin")}:${process.env["PATH"]}` });
const installing = (): readonly string[] => [...board.options, "install", board.file("v2.mender")];

async function agent(...argv: readonly string[]): Promise<Ended> {
  const { child, ended } = startProgram(process.execPath, [program.path, ...argv], env());
  child.stdin?.end();
  return ended;
}

/** Checks that the previous system is complete, that the update has left nothing, and that the agent reports this. */
async function expectOld(): Promise<void> {
  expect(await board.pending()).toBeUndefined();
  expect(engine.contents()).toEqual(OLD);
  expect(engine.contentOf("localhost/app:1")).toBe("old");
  expect(await agent(...board.options, "show-artifact")).toMatchObject({ exitCode: 0, out: ["v1"] });
}

/** Removes the mounts that podman makes for a container, as a power cut does. */
function unmount(): void {
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const points = lines.map((line) => line.split(" ")[1] ?? "").filter((point) => point.startsWith(board.folder));
  for (const point of points.reverse()) execFileSync("umount", ["-l", point]);
}

test("an update whose container cannot be started is rolled back, with the containers and images as before", async () => {
  expect(await agent(...installing())).toMatchObject({
    exitCode: 1,
    out: ["Installing artifact...", "Installation failed.", "Rolled back."],
    err: expect.arrayContaining([
      expect.stringMatching(/^Could not fulfill request: MODULE_FAILED: .*call=ArtifactInstall/),
    ]),
  });
  await expectOld();
});

test("if such an update is killed anywhere, the device is as before, and the next update gets equally far", async () => {
  // The first update on a board creates folders, which later updates find.
  await agent(...installing());
  rmSync(commands());
  const { calls } = await watchedRun(program, installing(), { env: env() });
  await expectOld();
  const begun = commandsBegun();
  const steps = instantsAfterSaves(calls);
  expect(steps.length).toBeGreaterThan(5);
  for (const [cut, at] of steps.entries())
    await tally.add(`at ${at.call} ${at.nth}`, () => survive({ at }, new Random(SEED + cut)));
  for (let cut = 0; cut < CUTS; cut++) {
    const random = new Random(SEED + 100 + cut);
    const nth = 1 + Math.floor((begun * (cut + random.below(100) / 100)) / CUTS);
    const laterMs = random.below(50);
    await tally.add(`${laterMs} ms into command ${nth} of ${begun}`, async () => {
      rmSync(commands());
      const power = new AbortController();
      const cutting = cutAt(nth, laterMs, power);
      try {
        return await survive({ power: power.signal }, random);
      } finally {
        power.abort();
        await cutting;
      }
    });
  }
});

const commands = (): string => board.file("engine/commands");
const commandsBegun = (): number =>
  existsSync(commands()) ? readFileSync(commands(), "utf8").split("\n").length - 1 : 0;

/** Cuts the power when the module has started its `nth` command of the engine. */
async function cutAt(nth: number, laterMs: number, power: AbortController): Promise<void> {
  while (commandsBegun() < nth && !power.signal.aborted) await setTimeout(2);
  await setTimeout(laterMs);
  power.abort();
}

async function survive(where: Pick<WatchOptions, "at" | "power">, random: Random): Promise<Recovery> {
  const before = await readDisk(["boot/env", "data/switchback-store"].map((path) => board.path(path)));
  const { killed, calls } = await watchedRun(program, installing(), { env: env(), ...where });
  expect(killed, "the named instant has come").toBe(true);
  const loss = await losePower(calls, board.dir, before, random);
  const state = (await board.pending()) ?? "no update on disk";
  unmount();
  // Podman cleans up after a refused container asynchronously, and may still do so for an update before the power cut.
  await rm(board.file("engine/run"), { recursive: true, force: true, maxRetries: 10 });
  expect((await agent("board", "boot", board.dir)).exitCode).toBe(0);
  await expectOld();
  expect((await agent(...installing())).exitCode).toBe(1);
  await expectOld();
  return { fate: "rolledBack", state, loss };
}
