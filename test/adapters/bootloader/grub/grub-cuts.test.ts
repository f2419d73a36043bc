import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGrubEnv } from "../../../../adapters/bootloader/grub/grub-env.ts";
import { createMenderEnvBootloader } from "../../../../adapters/bootloader/mender-env.ts";
import type { Bootloader } from "../../../../src/ports/bootloader.ts";
import { VolatileDisk } from "../volatile-disk.ts";
import { GrubBoard } from "./grub-board.ts";

const { signal } = new AbortController();
const PARTITIONS = { A: 2, B: 10 };
const BOTH_UP = { A: "up", B: "up" } as const;
/** More than the number of writes of any change: a change that fails by itself would otherwise be repeated forever. */
const MAX_WRITES = 50;

let folder = "";
let board: GrubBoard;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-grub-"));
  board = new GrubBoard(folder, PARTITIONS);
});
afterEach(() => rm(folder, { recursive: true }));

function bootloaderOn(disk: VolatileDisk): Bootloader {
  return createMenderEnvBootloader({
    kind: "grub",
    env: createGrubEnv({ folder, exclusive: (_signal, work) => work(), openRaw: disk.open }),
    partitions: PARTITIONS,
    booted: async () => "A",
  });
}

/** Possible ends of the variables: arming moves the end by 24 bytes, either past the end of the first sector or not. */
const ENDS = [500, 512, 513, 600];
const LOSSES = ["the first sector of the last write", "the last write without its first sector"] as const;

function install(end: number): void {
  board.install(0);
  const withoutNote = readFileSync(board.path(1, "env"), "latin1").replace(/#*$/, "").length;
  board.install(end - withoutNote);
}

const edit = (copy: 1 | 2, file: "env" | "lock", from: string, to: string): void => {
  const text = readFileSync(board.path(copy, file), "latin1");
  expect(text).toContain(from);
  writeFileSync(board.path(copy, file), text.replace(from, to));
};

/** Possible states of a board at the start, in addition to two good copies. */
const STARTS: Readonly<Record<string, () => void>> = { "two good copies": () => undefined };
for (const copy of [1, 2] as const) {
  Object.assign(STARTS, {
    [`copy ${copy} cut off in a write`]: () => {
      edit(copy, "lock", "editing=0", "editing=1");
      edit(copy, "env", "mender_boot_part=2", "mender_boot_part=B");
      edit(copy, "env", "upgrade_available=0", "upgrade_available=x");
    },
    [`copy ${copy} overwritten behind a closed lock`]: () => writeFileSync(board.path(copy, "env"), "x".repeat(1024)),
  });
}

for (const [start, damage] of Object.entries(STARTS)) {
  test(`a write torn between sectors, on ${start}, leaves A without a trial or B on trial, and can be repeated`, async () => {
    for (const [end, loss] of ENDS.flatMap((bytes) => LOSSES.map((each) => [bytes, each] as const))) {
      let write = 1;
      for (; write < MAX_WRITES; write += 1) {
        install(end);
        damage();
        const disk = new VolatileDisk(loss);
        // A write and its sync are two durable acts.
        disk.cutAt(2 * write - 1, "during");
        const isDone = await bootloaderOn(disk)
          .arm("B", signal)
          .then(() => true)
          // ignored: the power cut ended the change; the test checks the result of the next start.
          .catch(() => false);
        if (isDone) break;
        disk.restart();
        const up = board.boot(BOTH_UP);
        const { mender_boot_part: planned, upgrade_available: trial } = board.load(1, "env");
        const where = `end ${end}, ${loss}, write ${write}: ${up} runs, ${planned} is planned, trial ${trial}`;
        expect([up, trial === "1"], where).toEqual(up === "B" ? ["B", true] : ["A", false]);
        expect(board.boot(BOTH_UP), where).toBe("A");
        await bootloaderOn(disk).arm("B", signal);
        disk.restart();
        expect(readFileSync(board.path(1, "env")).equals(readFileSync(board.path(2, "env"))), where).toBe(true);
        expect(board.boot(BOTH_UP), where).toBe("B");
      }
      // Three for each copy, and three more if a copy is restored first.
      expect(write - 1).toBeGreaterThanOrEqual(start === "two good copies" ? 6 : 9);
    }
  });
}
