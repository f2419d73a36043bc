import { readFile } from "node:fs/promises";
import type { Clock } from "../../src/ports/clock.ts";
import { systemClock } from "./system-clock.ts";

/** Its monotonic time goes on from one process to the next, as long as the system runs. */
export const bootClock: Clock = {
  ...systemClock,
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
};

/** Which start of the system this is. */
export const bootId = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
