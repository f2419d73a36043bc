import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, spread, table } from "./statistics.ts";

const RUNS_PER_ROUND = 5;

/** Start-up of the commands that scripts call most, compared with a Node that does nothing. */
export async function benchStartup(rounds: number): Promise<string> {
  const datastore = mkdtempSync(join(tmpdir(), "switchback-bench-"));
  const cases: Readonly<Record<string, readonly string[]>> = {
    "node -e 0": ["-e", "0"],
    "show-artifact": ["dist/switchback.mjs", "-d", datastore, "show-artifact"],
    "show-provides": ["dist/switchback.mjs", "-d", datastore, "show-provides"],
    "--version": ["dist/switchback.mjs", "--version"],
  };
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  try {
    for (const args of Object.values(cases)) timeOf(args);
    for (let round = 0; round < rounds * RUNS_PER_ROUND; round++) {
      for (const [name, args] of Object.entries(cases)) times[name]?.push(timeOf(args));
    }
  } finally {
    rmSync(datastore, { recursive: true, force: true });
  }
  const bare = times["node -e 0"] ?? [];
  const rows = Object.entries(times).map(([name, walls]) => [
    name,
    spread(walls, 0),
    median(walls.map((wall, at) => wall / (bare[at] ?? wall))).toFixed(2),
  ]);
  return table(["command", "wall ms", "ratio"], rows);
}

/** Wall time of one run of Node, in milliseconds. */
export function timeOf(args: readonly string[]): number {
  const start = process.hrtime.bigint();
  // As from an init system: NODE_EXTRA_CA_CERTS alone would double the time of a Node that does nothing.
  const env = { PATH: process.env["PATH"], HOME: "/root", LANG: "C.UTF-8" };
  const done = spawnSync(process.execPath, args, { stdio: "ignore", env });
  if (done.status !== 0) throw new Error(`node ${args.join(" ")} exited with ${done.status}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}
