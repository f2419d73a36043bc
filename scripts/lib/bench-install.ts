import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchImage, benchImage } from "./bench-images.ts";
import { type BoardRun, ClientBoard } from "./client-board.ts";
import { median, spread, table } from "./statistics.ts";

/** From this size on, one round is enough. */
const LARGE_MIB = 1024;

const OURS = ["node", "/project/dist/switchback.mjs", "-d", "/data", "install"];

/** The ways to write a new image into a slot. The benchmark compares the others with the first. */
const WAYS = {
  "mender 3.4": { program: ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "install"] },
  "switchback, no read-back": { program: OURS, verifyReadback: false },
  switchback: { program: OURS, verifyReadback: true },
  "switchback, slot already equal, no read-back": { program: OURS, verifyReadback: false, again: true },
  "dd of the image": { program: undefined },
} as const satisfies Record<string, Way>;

interface Way {
  /** Without a program, `dd` copies the bare image. */
  readonly program: readonly string[] | undefined;
  readonly verifyReadback?: boolean;
  /** Keeps the image of the previous run in the slot, instead of another image. */
  readonly again?: boolean;
}

interface Subject {
  readonly artifact: string;
  readonly image: string;
  /** Content of the slot before the update. */
  readonly before: BenchImage;
}

/**
 * Installs a rootfs-image from a file into a loop device on tmpfs that holds another image. The real client and ours
 * take turns, with comparing, syncing, store and boot environment as in every update. A bare copy is the lower bound.
 */
export async function benchInstall(rounds: number, sizesMib: readonly number[]): Promise<string> {
  const rows: string[][] = [];
  for (const sizeMib of sizesMib) {
    for (const compression of ["none", "gzip"] as const) {
      rows.push(...compare(sizeMib, compression, sizeMib < LARGE_MIB ? rounds : 1));
    }
  }
  return table(["case", "wall s", "CPU s", "peak RSS MiB", "wall ratio", "CPU ratio", "not written"], rows);
}

function compare(sizeMib: number, compression: "none" | "gzip", rounds: number): string[][] {
  const image = benchImage(sizeMib);
  const board = new ClientBoard(sizeMib);
  const subject: Subject = {
    artifact: join(board.dir, "release.mender"),
    image: join(board.dir, "image"),
    before: benchImage(sizeMib, 128),
  };
  const runs = new Map<string, BoardRun[]>(Object.keys(WAYS).map((name) => [name, []]));
  try {
    copyFileSync(image.artifact(compression), subject.artifact);
    copyFileSync(image.image, subject.image);
    // The first round is not counted, because it warms the caches.
    for (let round = 0; round <= rounds; round++) {
      for (const [name, way] of Object.entries(WAYS)) {
        const run = installOnce(board, way, subject);
        if (round > 0 || rounds === 1) runs.get(name)?.push(run);
      }
    }
  } finally {
    board.close();
  }
  const peer = runs.get("mender 3.4") ?? [];
  return [...runs].map(([name, own]) => row(`${sizeMib} MiB, ${compression}: ${name}`, own, peer));
}

function installOnce(board: ClientBoard, way: Way, { artifact, image, before }: Subject): BoardRun {
  board.resetEnvironment();
  board.configure({ Switchback: { VerifyReadback: way.verifyReadback ?? true } });
  if (way.again !== true) board.fillSlotB(before.image);
  const copy = ["dd", `if=${image}`, `of=${board.slots.B}`, "bs=1M", "oflag=direct", "conv=fsync"];
  const argv = way.program === undefined ? copy : [...way.program, artifact];
  const run = board.run("A", argv);
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
    unchangedShare(runs),
  ];
}

/** Share of the image that the slot already held, from our client's log. */
function unchangedShare(runs: readonly BoardRun[]): string {
  const said = runs[0]?.stderr.match(/([0-9]+) bytes written, ([0-9]+) bytes were there already/);
  if (said === null || said === undefined) return "";
  const [written, skipped] = [Number(said[1]), Number(said[2])];
  return `${((100 * skipped) / (written + skipped)).toFixed(1)} %`;
}
