import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { isApproved } from "./acts.ts";
import type { Allowance } from "./allowance.ts";
import { type Counts, takenIn } from "./counts.ts";
import { isStopped, type Memory } from "./memory.ts";
import { reachOf } from "./sizes.ts";
import type { Wait } from "./waits.ts";
import { windowAt } from "./window.ts";

/** When devices that wait may begin, as far as time alone decides it. */
export interface Reopening {
  /** In milliseconds since 1970. `undefined`: it is not known, or places become free all the time. */
  readonly at?: number;
  /** How long they may begin then, in seconds. */
  readonly lastsS?: number;
  /** About how many wait for it: a power of 2, so that it rarely changes. */
  readonly waiting: number;
  /** How many may begin in a minute. */
  readonly perMinute?: number;
}

const TIMED: ReadonlySet<Wait["code"]> = new Set(["START", "SOAK", "WINDOW"]);
const BY_OTHERS: ReadonlySet<Wait["code"]> = new Set(["GATE", "HEALTH"]);

/** @returns `undefined`: no device may begin, and time alone does not change that */
export function reopeningOf(
  plan: Plan,
  memory: Memory,
  counts: Counts,
  { by }: Allowance,
  waits: readonly Wait[],
): Reopening | undefined {
  if (isStopped(memory) || !isApproved(plan, memory)) return undefined;
  const { waves } = memory;
  const isWaveOpen = waves.length > 0 && (by === "RATE" || by === "WINDOW");
  const reach = reachOf(plan, isWaveOpen ? waves.length - 1 : waves.length, counts);
  const waiting = Math.max(1, reach - counts.outside - takenIn(counts));
  const perMinute = plan.rate_per_minute;
  const known = { waiting: 2 ** Math.ceil(Math.log2(waiting)) };
  const limited = { ...known, ...(perMinute !== undefined && { perMinute }) };
  if (by === "RATE") return limited;
  const untils = waits.filter(({ code }) => (isWaveOpen ? code === "WINDOW" : TIMED.has(code)));
  const times = untils.flatMap(({ until }) => (until === undefined ? [] : [until]));
  if (times.length === 0 || (!isWaveOpen && waits.some(({ code }) => BY_OTHERS.has(code)))) return known;
  return { ...limited, ...withinWindow(plan, Math.max(...times)) };
}

/** A wave that opens outside of the maintenance window lets devices begin in the next one. */
function withinWindow({ window }: Plan, at: number): Pick<Reopening, "at" | "lastsS"> {
  if (window === undefined) return { at };
  const then = windowAt(window, at);
  const opens = then.isOpen ? at : then.changesAt;
  return { at: opens, lastsS: (windowAt(window, opens).changesAt - opens) / 1000 };
}

/** When a device is to come back: evenly spread over some time. */
export interface ComeBack {
  /** In milliseconds since 1970. */
  readonly from: number;
  readonly spreadS: number;
  /** Later than that, it comes anyway. */
  readonly intervalS: number;
}

/** A budget for downloads that is used up. */
export interface UsedUp {
  /** In milliseconds since 1970. */
  readonly until: number;
  /** How long a download uses it up. */
  readonly downloadS: number;
}

/**
 * When a device that waits is to come back.
 *
 * @param code why it waits: a code of the selection
 * @param intervalS how often it polls
 * @returns `undefined`: it comes back when it usually does
 */
export function comeBackOf(
  code: string,
  reopening: Reopening | undefined,
  usedUp: UsedUp | undefined,
  now: number,
  intervalS: number,
): ComeBack | undefined {
  const queue = queueOf(code, reopening, usedUp, now);
  if (queue === undefined) return undefined;
  const spreadS = Math.min(queue.takesS, intervalS);
  const isUsual = queue.from - now >= intervalS * 1000 || (queue.from <= now && spreadS >= intervalS);
  return isUsual ? undefined : { from: queue.from, spreadS, intervalS };
}

/** From when on the devices that wait may begin, and how long it takes until all of them have. */
function queueOf(
  code: string,
  reopening: Reopening | undefined,
  usedUp: UsedUp | undefined,
  now: number,
): { readonly from: number; readonly takesS: number } | undefined {
  if (reopening === undefined) return undefined;
  const { at, lastsS = Number.POSITIVE_INFINITY, waiting, perMinute = 0 } = reopening;
  if (code === "WAITS_FOR_DOWNLOADS" || code === "WAITS_FOR_SITE")
    return usedUp && { from: usedUp.until, takesS: waiting * usedUp.downloadS };
  if (!BY_TIME.has(code)) return undefined;
  const takesS = perMinute === 0 ? Number.POSITIVE_INFINITY : (waiting * 60) / perMinute;
  if (at !== undefined) return { from: at, takesS: Math.min(takesS, lastsS) };
  return code === "WAITS_FOR_PLACE" ? { from: now, takesS } : undefined;
}

const BY_TIME: ReadonlySet<string> = new Set([
  ...["OUTSIDE_WINDOW", "WAITS_FOR_START", "WAITS_FOR_WAVE", "WAITS_FOR_PLACE"],
]);

/**
 * What `Retry-After` says, in whole seconds.
 *
 * @param random from 0 to 1: it spreads the devices
 * @returns `undefined`: the device comes at its usual time
 */
export function retryAfterS({ from, spreadS, intervalS }: ComeBack, now: number, random: number): number | undefined {
  const delayS = Math.max(0, from - now) / 1000;
  return delayS >= intervalS ? undefined : Math.max(1, Math.ceil(delayS + random * spreadS));
}
