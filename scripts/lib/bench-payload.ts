import { spawnSync } from "node:child_process";
import { benchImage } from "./bench-images.ts";
import { median, spread, table } from "./statistics.ts";

const SIZE_MIB = 256;
const WAYS = ["tar-stream", "own"] as const;

interface Reading {
  readonly bytes: number;
  readonly wall: number;
  readonly cpu: number;
  readonly peakMib: number;
}

/** Reads the payload through two tars and a hash, in turn with our own scanner and with tar-stream. */
export async function benchPayload(rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const compression of ["none", "gzip"] as const) {
    const file = benchImage(SIZE_MIB).artifact(compression);
    const readings: Record<(typeof WAYS)[number], Reading[]> = { own: [], "tar-stream": [] };
    for (let round = 0; round <= rounds; round++) {
      for (const way of WAYS) {
        const reading = read(way, file, compression);
        if (round > 0) readings[way].push(reading);
      }
    }
    for (const way of WAYS) rows.push(row(`${compression}: ${way}`, readings[way], readings["tar-stream"]));
  }
  return table(["payload", "wall s", "CPU s", "peak RSS MiB", "wall ratio"], rows);
}

function row(name: string, readings: readonly Reading[], peer: readonly Reading[]): string[] {
  const ratios = readings.map((reading, at) => reading.wall / (peer[at] ?? reading).wall);
  return [
    name,
    spread(
      readings.map(({ wall }) => wall),
      2,
    ),
    spread(
      readings.map(({ cpu }) => cpu),
      2,
    ),
    Math.max(...readings.map(({ peakMib }) => peakMib)).toFixed(0),
    median(ratios).toFixed(2),
  ];
}

function read(way: string, file: string, compression: string): Reading {
  const args = ["scripts/run.mjs", "read-payload", way, file, compression];
  const done = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`read-payload ${way} failed: ${done.stderr}`);
  const reading: Reading = JSON.parse(done.stdout);
  if (reading.bytes !== SIZE_MIB * 1024 * 1024) throw new Error(`read-payload ${way} read ${reading.bytes} bytes`);
  return reading;
}
