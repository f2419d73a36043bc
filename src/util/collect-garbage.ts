import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Gives back memory that is not needed any more: a process that only waits would never get to it by itself. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
}
