import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { ERRORS } from "../../../src/errors/catalogue.ts";
import { type CliResult, codesOf, INSTALLED, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { type Damage, damage, dataStart, piecesOf } from "./damage.ts";

/** Another seed finds other damage: `SWITCHBACK_FUZZ_SEED=7 npm test -- --tier fuzz`. */
const SEED = Number(process.env["SWITCHBACK_FUZZ_SEED"] ?? 20_260_101);
/** Cases for each of four Artifacts: two thousand in all. */
const CASES = 500;
const CASES_PER_TEST = 100;
const SLOT_B = "slots/rootfs3";
const LOCK = "data/switchback.lock";
const STORE = "data/switchback-store";

/** An Artifact to damage. */
export interface Base {
  readonly name: string;
  /** The board accepts only Artifacts that its key has signed. */
  readonly verified: boolean;
  /** Makes the Artifact, and configures the board for it. @returns its path */
  make(board: TestBoard): Promise<string>;
}

export const VERSION = "v2";

/** Runs the command line on damaged copies of an Artifact, and compares the whole board each time. */
export function describeDamaged({ name, verified, make }: Base): void {
  describe(`an Artifact that is ${name}`, () => {
    let board: TestBoard;
    let whole: Buffer;
    let image: Buffer;

    beforeAll(async () => {
      board = await TestBoard.make({ parent: MEMORY_FOLDER });
      whole = readFileSync(await make(board));
      image = readFileSync(board.file(`${VERSION}.img`));
      // Seeds the store, so that afterwards nothing but an update changes it.
      expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
    });
    afterAll(() => board.remove());

    test("installs as long as it is whole", async () => {
      const before = look(board);
      writeFileSync(board.file("case.mender"), whole);
      const result = await board.agent("install", board.file("case.mender"));
      expect(result.exitCode, result.err.join("\n")).toBe(0);
      await checkArmed(board, result, image, before);
    });

    for (let from = 0; from < CASES; from += CASES_PER_TEST) {
      test(`damaged, installs exactly the image or nothing (cases ${from} to ${from + CASES_PER_TEST - 1})`, async () => {
        const before = look(board);
        const dataOffset = dataStart(piecesOf(whole));
        let early = 0;
        for (let number = from; number < from + CASES_PER_TEST; number++) {
          const damaged = damage(whole, number, new Random(SEED + number));
          const mustNotReach = verified && damaged.firstDifference < dataOffset;
          if (mustNotReach) early += 1;
          await naming(`seed ${SEED}, case ${number}: ${describeDamage(damaged)}`, () =>
            installDamaged(board, before, damaged, image, mustNotReach),
          );
        }
        if (verified) expect(early, "cases with damage before the payload data").toBeGreaterThan(20);
      });
    }
  });
}

/** Content of every file of the board by path; for the store, its values; without the lock. */
function look(board: TestBoard): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(board.dir, { recursive: true, withFileTypes: true })) {
    const path = relative(board.dir, join(entry.parentPath, entry.name));
    if (entry.isDirectory() || path === LOCK) continue;
    const bytes = readFileSync(board.path(path));
    found[path] = path === STORE ? JSON.stringify(JSON.parse(bytes.toString())) : bytes.toString("latin1");
  }
  return found;
}

async function installDamaged(
  board: TestBoard,
  before: Readonly<Record<string, string>>,
  { bytes }: Damage,
  image: Buffer,
  mustNotReach: boolean,
): Promise<void> {
  // Fills the slot with other data, because the test would not notice a write of equal data.
  if (mustNotReach) writeFileSync(board.path(SLOT_B), Buffer.alloc(statSync(board.path(SLOT_B)).size, 0xa5));
  const slotBefore = mustNotReach ? readFileSync(board.path(SLOT_B)) : undefined;
  writeFileSync(board.file("case.mender"), bytes);
  const result = await board.agent("install", board.file("case.mender"));
  if (result.exitCode === 0) {
    expect(mustNotReach, "damage before the payload data").toBe(false);
    return checkArmed(board, result, image, before);
  }
  expect(result.exitCode).toBe(1);
  const codes = codesOf(result);
  expect(codes, result.err.join("\n")).toHaveLength(1);
  expect(Object.keys(ERRORS)).toContain(codes[0]);
  const after = look(board);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [path, content] of Object.entries(before)) {
    if (path !== SLOT_B) expect(after[path] === content, `${path} is as it was`).toBe(true);
  }
  if (slotBefore !== undefined)
    expect(readFileSync(board.path(SLOT_B)).equals(slotBefore), "slot untouched").toBe(true);
}

/** Harmless damage, such as a changed date: the update is complete, and the test rolls it back. */
async function checkArmed(
  board: TestBoard,
  result: CliResult,
  image: Buffer,
  before: Readonly<Record<string, string>>,
): Promise<void> {
  expect(result.out).toEqual(INSTALLED);
  expect(result.err).toEqual([]);
  expect(readFileSync(board.path(SLOT_B)).subarray(0, image.length).equals(image), "the exact image").toBe(true);
  expect(await board.env()).toMatchObject({ mender_boot_part: "3", upgrade_available: "1", bootcount: "0" });
  expect(await board.pending()).toBe("@commit");
  expect((await board.agent("rollback")).exitCode).toBe(0);
  const after = look(board);
  for (const [path, content] of Object.entries(before)) {
    if (path !== SLOT_B) expect(after[path], path).toBe(content);
  }
}

const describeDamage = ({ kind, firstDifference, bytes }: Damage): string =>
  `${kind}, from byte ${firstDifference} of ${bytes.length}`;

/** Adds the case to the message of a failure. */
async function naming(label: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new Error(`${label}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
