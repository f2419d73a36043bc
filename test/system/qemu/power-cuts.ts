import { setTimeout } from "node:timers/promises";
import type { BoardName } from "../../../qemu/image/board.ts";
import { Random } from "../fuzz/random.ts";
import { EnvironmentWatch } from "./environment-watch.ts";
import { QemuBoard } from "./test-board.ts";

/** What came of one update whose power was cut. */
interface CutRecord {
  /** What the update was doing. */
  readonly during: string;
  readonly end: "old" | "new";
}

export interface CutStatistics {
  readonly records: readonly CutRecord[];
  /** Each with what was wrong. */
  readonly broken: readonly string[];
}

/** Three, so that there is always one that neither slot holds. */
const VERSIONS = ["v2", "v3", "v4"] as const;
/** Of the file that comes first in an image: whatever follows lies elsewhere in the next one, so that all is written. */
const FILLER = { path: "a-filler", bytes: 256 * 1024, moreBytes: 1000 } as const;
/** Every third cut waits for a copy of the environment to be written: by chance none would ever fall there. */
const ENVIRONMENT_EVERY = 3;
/** A copy takes longer to be written than this. */
const WITHIN_COPY_MS = 12;
/** Switched on so often, a board has come to rest. */
const MAX_STARTS = 3;
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
    const urls = new Map<string, string>();
    for (const [index, version] of VERSIONS.entries()) {
      const content = new Random(index).fill(Buffer.alloc(FILLER.bytes + index * FILLER.moreBytes));
      const image = await board.system(version, { [FILLER.path]: { content, mode: 0o644 } });
      urls.set(version, await board.serve({ name: version, image }));
    }
    const urlOf = (version: string): string => urls.get(version) ?? "";
    const without = (...those: readonly string[]): string => VERSIONS.find((version) => !those.includes(version)) ?? "";
    const watch = EnvironmentWatch.start(board.bench);
    const start = performance.now();
    await update(board, "v2", urlOf("v2"));
    const wholeMs = Math.round(performance.now() - start);
    const copiesWritten = watch.stop();
    tell(`a whole update takes ${(wholeMs / 1000).toFixed(0)} s and writes ${copiesWritten} copies of the environment`);
    let current = "v2";
    for (let cut = 1; cut <= count; cut++) {
      const old = current;
      const offered = without(old);
      const instant: Instant =
        cut % ENVIRONMENT_EVERY === 0
          ? { copy: 1 + random.below(copiesWritten), afterMs: random.below(WITHIN_COPY_MS) }
          : { atMs: random.below(wholeMs) };
      const during = await cutUpdate(board, offered, urlOf(offered), instant);
      try {
        current = await rest(board, old, offered);
        const end = current === old ? "old" : "new";
        records.push({ during, end });
        tell(`cut ${cut} of ${count} at ${JSON.stringify(instant)}, ${during}: rests on the ${end} system`);
        // Where the offered system did not make it, part of it lies in the slot already.
        const undisturbed = without(current);
        await update(board, undisturbed, urlOf(undisturbed));
        current = undisturbed;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        broken.push(`cut ${cut} at ${JSON.stringify(instant)}, ${during}: ${reason}`);
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

/** When the power fails: so long after the update began, or after a copy of the environment began to be written. */
type Instant = { readonly atMs: number } | { readonly copy: number; readonly afterMs: number };

/** @returns what the update was doing when the power failed */
async function cutUpdate(board: QemuBoard, version: string, url: string, instant: Instant): Promise<string> {
  const progress = { during: "" };
  const watch = "copy" in instant ? EnvironmentWatch.start(board.bench) : undefined;
  const updating = update(board, version, url, progress).then(
    () => undefined,
    () => undefined, // ignored: the power failed under it.
  );
  const wait = async (): Promise<void> => {
    if ("copy" in instant) await watch?.written(instant.copy);
    await setTimeout("copy" in instant ? instant.afterMs : instant.atMs);
  };
  await Promise.race([wait(), updating]);
  const { during } = progress;
  await board.bench.powerOff();
  watch?.stop();
  await updating;
  return "copy" in instant ? `${during}, in a copy of the environment` : during;
}

/** A whole update from the command line: install, reboot, commit. */
async function update(board: QemuBoard, version: string, url: string, progress = { during: "" }): Promise<void> {
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
  let version = await board.powerOn();
  for (let starts = 1; ; starts++) {
    const check = (await board.shell("cat /run/e2fsck.log")).stdout;
    if (!CLEAN.test(check)) throw new Error(`the data partition is not clean: ${check}`);
    if (version !== old && version !== offered) throw new Error(`${version} is up`);
    if (await isAtRest(board)) break;
    await board.switchback("commit");
    if (await isAtRest(board)) break;
    if (starts === MAX_STARTS) throw new Error(`after ${starts} starts it has not come to rest`);
    version = await board.powerCycle();
  }
  const said = await board.artifactName();
  if (said !== version) throw new Error(`${version} runs, and the agent says ${said}`);
  return version;
}

/** No update is pending, and the boot loader goes on with the slot that runs. */
async function isAtRest(board: QemuBoard): Promise<boolean> {
  const pending = await board.shell(`grep -q '"state"' /var/lib/mender/switchback-store`);
  const trial = await board.shell("fw_printenv -n upgrade_available");
  const chosen = await board.shell('grep -q "root=[^ ]*$(fw_printenv -n mender_boot_part) " /proc/cmdline');
  return pending.code !== 0 && trial.stdout.trim() === "0" && chosen.code === 0;
}
