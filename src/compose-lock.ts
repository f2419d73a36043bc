import { createFileLock } from "../adapters/lock/flock.ts";
import type { Machine } from "./compose-machine.ts";
import type { Paths } from "./config/paths.ts";
import type { Lock } from "./ports/lock.ts";

/** The device's lock alone: every command that changes something loads it at start-up. */
export const composeLock = (paths: Paths, machine?: Machine): Lock =>
  machine?.lock(paths.lockFile) ?? createFileLock(paths.lockFile);
