import { setTimeout } from "node:timers/promises";
import type { BoardName } from "../../qemu/image/board.ts";
import { Random } from "../fuzz/random.ts";
import { QemuBoard } from "./test-board.ts";

/** What came of one update whose power was cut. */
interface CutRecord {
  readonly atMs: number;
  /** What the update was doing. */
  readonly during: string;
  readonly end: "old" | "new";
}

export interface CutStatistics {
  readonly records: readonly CutRecord[];
  /** Each with what was wrong. */
  readonly broken: readonly string[];
}

/** `e2fsck -p`: clean, or made clean by replaying the journal. */
const CLEAN = /e2fsck of data: [01]$/m;

/**
 * Cuts the power `count` times at seeded instants over a whole update: while it is written, while the environment
 * is, at the reboot, in the trial, at the commit. After each the board is switched on until it rests, and then it has
 * to take an update that nobody disturbs.
 *
 * @param tell gets a line per cut
 */
export async function cutPower(
  name: BoardName,
  count: number,
  seed: number,
  tell: (line: string) => void,
): Promise<CutStatistics> {
  const random = new Random(seed);
  const board = await QemuBoard.start(name);
  const records: CutRecord[] = [];
  const broken: string[] = [];
  try {
    let current = "v1";
    const next = (): string => `v${Number(current.slice(1)) + 1}`;
    const wholeMs = await duration(() => update(board, "v2"));
    current = "v2";
    for (let cut = 1; cut <= count; cut++) {
      const old = current;
      const offered = next();
      const atMs = random.below(wholeMs);
      const progress = { during: "preparing" };
      await offer(board, offered);
      const updating = update(board, offered, progress).then(
        () => undefined,
        () => undefined, // ignored: the power failed under it.
      );
      await Promise.race([setTimeout(atMs), updating]);
      const { during } = progress;
      await board.bench.powerOff();
      await updating;
      try {
        current = await rest(board, old, offered);
        const end = current === old ? "old" : "new";
        records.push({ atMs, during, end });
        tell(`cut ${cut} of ${count} at ${(atMs / 1000).toFixed(1)} s, ${during}: rests on the ${end} system`);
        const undisturbed = next();
        await update(board, undisturbed);
        current = undisturbed;
      } catch (error) {
        broken.push(`cut ${cut} at ${atMs} ms, ${during}: ${error instanceof Error ? error.message : String(error)}`);
        tell(`BROKEN: ${broken.at(-1)}`);
        break;
      }
    }
  } finally {
    await board.remove();
  }
  return { records, broken };
}

const ended = (records: readonly CutRecord[], end: CutRecord["end"]): number =>
  records.filter((record) => record.end === end).length;

export const cutLine = ({ records, broken }: CutStatistics): string =>
  `${records.length + broken.length} power cuts: ${ended(records, "new")} rest on the new system, ` +
  `${ended(records, "old")} on the old one, ${broken.length} broken`;

/** What the updates were doing when the power failed, and where they ended. */
export function duringTable({ records }: CutStatistics): string {
  const places = [...new Set(records.map(({ during }) => during))].toSorted();
  const rows = places.map((place) => {
    const there = records.filter(({ during }) => during === place);
    return `| ${place} | ${there.length} | ${ended(there, "new")} | ${ended(there, "old")} |`;
  });
  return ["| Cut while | number | new system | old system |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

async function offer(board: QemuBoard, version: string): Promise<string> {
  return await board.serve({ name: version, image: await board.system(version) });
}

/** A whole update from the command line: install, reboot, commit. */
async function update(board: QemuBoard, version: string, progress = { during: "" }): Promise<void> {
  const url = await offer(board, version);
  progress.during = "installing";
  const installed = await board.switchback("install", url);
  if (installed.exitCode !== 0) throw new Error(`install of ${version}: ${JSON.stringify(installed)}`);
  progress.during = "rebooting into the new system";
  const up = await board.reboot();
  if (up !== version) throw new Error(`${up} is up instead of ${version}`);
  progress.during = "committing";
  const committed = await board.switchback("commit");
  if (committed.exitCode !== 0) throw new Error(`commit of ${version}: ${JSON.stringify(committed)}`);
}

/** Switches on until nothing is pending. @returns the version that the board rests on @throws when a rule is broken */
async function rest(board: QemuBoard, old: string, offered: string): Promise<string> {
  const first = await board.powerOn();
  const check = (await board.shell("cat /run/e2fsck.log")).stdout;
  if (!CLEAN.test(check)) throw new Error(`the data partition is not clean: ${check}`);
  if (first !== old && first !== offered) throw new Error(`${first} is up`);
  await board.switchback("commit");
  const second = await board.powerCycle();
  const third = await board.powerCycle();
  if (second !== third) throw new Error(`it does not come to rest: ${second}, then ${third}`);
  const said = await board.artifactName();
  const truth = third === "v1" ? ["unknown", "v1"] : [third];
  if (!truth.includes(said)) throw new Error(`${third} runs, and the agent says ${said}`);
  return third;
}

async function duration(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return Math.round(performance.now() - start);
}
