import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchImage } from "./bench-images.ts";
import { BENCH_DEVICE_TYPE } from "./client-board.ts";
import { spread, table } from "./statistics.ts";

/** From this size on, one round is enough. */
const LARGE_MIB = 1024;
const WRITERS: Readonly<Record<string, readonly string[]>> = {
  "mender-artifact": ["mender-artifact"],
  switchback: ["node", "dist/switchback.mjs", "artifact"],
};

/** Writes an Artifact of a large image: time and peak memory of the whole process. */
export async function benchWrite(rounds: number, sizesMib: readonly number[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "switchback-bench-"));
  const rows: string[][] = [];
  try {
    for (const sizeMib of sizesMib) {
      const { image } = benchImage(sizeMib);
      for (const compression of ["none", "gzip"]) {
        for (const [name, program] of Object.entries(WRITERS)) {
          const count = sizeMib < LARGE_MIB ? rounds : 1;
          const runs = Array.from({ length: count }, () => write(program, image, join(dir, "out.mender"), compression));
          rows.push([
            `${sizeMib} MiB, ${compression}: ${name}`,
            spread(
              runs.map((run) => run.wall),
              2,
            ),
            Math.max(...runs.map((run) => run.peakMib)).toFixed(0),
            String(runs[0]?.sizeBytes ?? 0),
          ]);
        }
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return table(["case", "wall s", "peak RSS MiB", "bytes"], rows);
}

function write(program: readonly string[], image: string, output: string, compression: string) {
  const names = ["-t", BENCH_DEVICE_TYPE, "-n", "release-1", "-f", image, "-o", output, "--compression", compression];
  const command = [...program, "write", "rootfs-image", ...names];
  const start = process.hrtime.bigint();
  const memory = `${output}.memory`;
  const done = spawnSync("/usr/bin/time", ["-o", memory, "-f", "%M", ...command], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  if (done.status !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
  return { wall, peakMib: Number(readFileSync(memory, "utf8")) / 1024, sizeBytes: statSync(output).size };
}
