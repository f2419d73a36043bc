import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchImage, benchImage } from "./bench-images.ts";
import { type BoardRun, ClientBoard } from "./client-board.ts";
import { median, spread, table } from "./statistics.ts";

/** From this size on one round says enough. */
const LARGE_MIB = 1024;

const REAL = ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "install"];
const OURS = ["node", "/project/dist/switchback.mjs", "-d", "/data", "install"];

/**
 * A rootfs-image from a file into a loop device on tmpfs that holds another image: the real client and
 * ours in turn, with comparing, syncing, store and boot environment as in every update.
 */
export async function benchInstall(rounds: number, sizesMib: readonly number[]): Promise<string> {
  const rows: string[][] = [];
  for (const sizeMib of sizesMib) {
    for (const compression of ["none", "gzip"] as const) {
      rows.push(...compare(sizeMib, compression, sizeMib < LARGE_MIB ? rounds : 1));
    }
  }
  return table(["case", "wall s", "CPU s", "peak RSS MiB", "wall ratio", "CPU ratio"], rows);
}

function compare(sizeMib: number, compression: "none" | "gzip", rounds: number): string[][] {
  const image = benchImage(sizeMib);
  const before = benchImage(sizeMib, 128);
  const board = new ClientBoard(sizeMib);
  const artifact = join(board.dir, "release.mender");
  const runs: Readonly<Record<"real" | "ours" | "again", BoardRun[]>> = { real: [], ours: [], again: [] };
  try {
    copyFileSync(image.artifact(compression), artifact);
    // One round more than is counted: the first one warms the caches.
    for (let round = 0; round <= rounds; round++) {
      const real = installOnce(board, before, REAL, artifact);
      const ours = installOnce(board, before, OURS, artifact);
      const again = installOnce(board, undefined, OURS, artifact);
      if (round === 0 && rounds > 1) continue;
      runs.real.push(real);
      runs.ours.push(ours);
      runs.again.push(again);
    }
  } finally {
    board.close();
  }
  const name = `${sizeMib} MiB, ${compression}`;
  return [
    row(`${name}: mender 3.4`, runs.real, runs.real),
    row(`${name}: switchback`, runs.ours, runs.real),
    row(`${name}: switchback, slot already equal`, runs.again, runs.real),
  ];
}

/** @param before what the slot is filled with first; nothing: it keeps what the last run left */
function installOnce(
  board: ClientBoard,
  before: BenchImage | undefined,
  argv: readonly string[],
  artifact: string,
): BoardRun {
  board.resetEnvironment();
  if (before !== undefined) board.fillSlotB(before.image);
  const run = board.run("A", [...argv, artifact]);
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")} failed:\n${run.stdout}${run.stderr}`);
  return run;
}

function row(name: string, runs: readonly BoardRun[], peer: readonly BoardRun[]): string[] {
  const ratio = (pick: (run: BoardRun) => number): string =>
    median(runs.map((run, at) => pick(run) / pick(peer[at] ?? run))).toFixed(2);
  return [
    name,
    spread(
      runs.map((run) => run.wall),
      2,
    ),
    spread(
      runs.map((run) => run.cpu),
      2,
    ),
    Math.max(...runs.map((run) => run.peakMib)).toFixed(0),
    ratio((run) => run.wall),
    ratio((run) => run.cpu),
  ];
}
