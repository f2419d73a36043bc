import { readFile } from "node:fs/promises";
import type { Clock } from "../../src/ports/clock.ts";
import { systemClock } from "./system-clock.ts";

/** A clock whose monotonic time continues across processes, until the system restarts. */
export const bootClock: Clock = {
  ...systemClock,
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
};

/** Identifies the current boot of the system. */
export const bootId = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
