import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltProgram } from "../cli/built-program.ts";
import { MEMORY_FOLDER, TestBoard } from "../cli/test-board.ts";
import { Random } from "../fuzz/random.ts";

// The program is killed as by a power cut, but its page cache survives: the slot is an ordinary file, and what
// was written before the kill is there afterwards. Writes that a power cut loses or tears are the subject of the
// model and of the tests of the adapters; here are the real processes, at instants that nobody has chosen.

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_101);
const CUTS = 25;
const CUTS_PER_TEST = 5;
const IMAGE_KIB = 4 * 1024;
const MAX_BOOTS = 4;

let program: BuiltProgram;
let board: TestBoard;
let wholeMs = 0;
/** The version whose installation ended last. */
let current = "v1";
let made = 1;
/** Where the cuts fell, by the update's state on disk. */
const fell: Record<string, number> = {};

beforeAll(async () => {
  program = await BuiltProgram.build();
  board = await TestBoard.make({ slotKib: IMAGE_KIB, imageKib: IMAGE_KIB, parent: MEMORY_FOLDER });
  await board.image(current, "yes", IMAGE_KIB);
  const version = await release();
  const startMs = performance.now();
  await updateInProcesses(version, new AbortController().signal);
  wholeMs = performance.now() - startMs;
  current = version;
  expect((await board.agent("show-artifact")).out).toEqual([current]);
});

afterAll(async () => {
  const where = Object.entries(fell).sort(([a], [b]) => (a < b ? -1 : 1));
  const counts = where.map(([state, count]) => `${count} ${state}`).join(", ");
  process.stdout.write(`SIGKILL, seed ${SEED}: ${CUTS} cuts in updates of ${wholeMs.toFixed(0)} ms: ${counts}\n`);
  await program.remove();
  await board.remove();
});

for (let first = 0; first < CUTS; first += CUTS_PER_TEST) {
  test(`killed at any instant, the board boots a whole system and can be updated (cuts ${first} to ${first + CUTS_PER_TEST - 1})`, async () => {
    for (let cut = first; cut < first + CUTS_PER_TEST; cut++) {
      const random = new Random(SEED + cut);
      const afterMs = random.below(Math.ceil(wholeMs));
      try {
        await killDuringUpdate(afterMs);
        await checkAndGoOn(random.below(2) === 0 ? "commit" : "rollback");
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`seed ${SEED}, cut ${cut} after ${afterMs} ms: ${reason}`, { cause });
      }
    }
  });
}

let updated = "";

async function killDuringUpdate(afterMs: number): Promise<void> {
  updated = await release();
  const power = new AbortController();
  const cut = setTimeout(afterMs).then(() => power.abort());
  await updateInProcesses(updated, power.signal);
  await cut;
  const state = (await board.pending()) ?? "no update on disk";
  fell[state] = (fell[state] ?? 0) + 1;
}

/** A whole update, each command a process; `power` kills the one that runs, and no other is started. */
async function updateInProcesses(version: string, power: AbortSignal): Promise<void> {
  const { options } = board;
  const artifact = await readFile(board.file(`${version}.mender`));
  for (const argv of [
    [...options, "install", "-"],
    ["board", "boot", board.dir],
    [...options, "commit"],
  ]) {
    if (power.aborted) return;
    const { child, ended } = program.start(...argv);
    const kill = (): void => {
      // The whole group: no helper of it survives a power cut either.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    };
    power.addEventListener("abort", kill);
    if (argv.includes("install")) await feed(child, artifact);
    const { exitCode, signal, err } = await ended;
    power.removeEventListener("abort", kill);
    if (signal === null) expect(exitCode, err.join("\n")).toBe(0);
  }
}

/** As slowly as a network, so that many cuts fall into the transfer. */
async function feed({ stdin }: ChildProcess, bytes: Buffer): Promise<void> {
  const pieces = 20;
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length && stdin?.writable === true; at += size) {
    stdin.write(bytes.subarray(at, at + size));
    await setTimeout(25);
  }
  stdin?.end();
}

/** Switches on until a system is up, with its init; then the update is ended, and another one made. */
async function checkAndGoOn(decision: "commit" | "rollback"): Promise<void> {
  await bootToRest();
  await bootsWholeImage([current, updated]);
  await tellsTruth();
  if ((await board.pending()) !== undefined) {
    const { exitCode, err } = await board.agent(decision);
    const { slots, running } = await board.status();
    const onTrial = running !== undefined && slots[running].kind === "complete" && slots[running].version === updated;
    // What the boot loader has reverted cannot be committed, and says so.
    expect(exitCode, err.join("\n")).toBe(decision === "rollback" || onTrial ? 0 : 1);
    await bootToRest();
  }
  expect(await board.pending()).toBeUndefined();
  await bootsWholeImage([current, updated]);
  await tellsTruth();
  const further = await release();
  const installed = await board.agent("install", board.file(`${further}.mender`));
  expect(installed.exitCode, installed.err.join("\n")).toBe(0);
  await bootToRest();
  expect((await board.agent("commit")).out).toEqual(["Committed."]);
  await bootsWholeImage([further]);
  current = further;
}

/**
 * Starts the board until a system is up that the next start would bring up as well, or that is on trial. Another
 * start is needed where the agent has undone an update from within the new system.
 */
async function bootToRest(): Promise<void> {
  for (let boots = 1; boots <= MAX_BOOTS; boots++) {
    const { exitCode, err } = await program.run("board", "boot", board.dir);
    expect(err.filter((line) => !/^(?:info|warning): /.test(line))).toEqual([]);
    const { running, trial, next } = await board.status();
    if (exitCode === 0 && (trial || (next.kind === "up" && next.slot === running))) return;
  }
  expect.fail(`the board is not at rest after ${MAX_BOOTS} starts`);
}

async function bootsWholeImage(versions: readonly string[]): Promise<void> {
  const { running } = await board.status();
  if (running === undefined) return expect.fail("nothing runs");
  const slot = await board.slot(running);
  const images = await Promise.all(versions.map((version) => readFile(board.file(`${version}.img`))));
  expect(
    images.some((image) => image.equals(slot)),
    `slot ${running} holds one of ${versions.join(", ")}`,
  ).toBe(true);
}

/** While an update is pending its old name holds; after that, the name of what runs, or that nobody knows. */
async function tellsTruth(): Promise<void> {
  const shown = (await board.agent("show-artifact")).out.join("\n");
  if (shown.endsWith("_INCONSISTENT")) return;
  const { running, slots } = await board.status();
  const content = running === undefined ? undefined : slots[running];
  const runs = content?.kind === "complete" ? content.version : "nothing";
  expect(shown).toBe((await board.pending()) === undefined ? runs : current);
}

async function release(): Promise<string> {
  made += 1;
  const version = `v${made}`;
  await board.release(version, "yes", {}, IMAGE_KIB);
  return version;
}
