import type { Act } from "./acts.ts";
import type { Advanced } from "./advance.ts";
import { type Counts, NO_TALLY, retriableIn, type Tally, takenIn, underWayIn, withoutDevices } from "./counts.ts";

/** What becomes of devices by an act. */
export interface Effect {
  /**
   * - `MAY_BEGIN`: they get the release when they ask, as far as limits let them
   * - `GO_ON`: they have begun, and end their update
   * - `STOPPED`: they have begun, and are told to stop
   * - `TRY_AGAIN`: they have failed, and get the release again
   * - `WAIT`: they have not begun, and wait
   * - `NEVER_BEGIN`: they have not begun, and do not get the release any more
   * - `KEEP`: they have the release, and keep it
   * - `LEAVE`: they have not begun, and are left out
   * - `COUNT_NO_MORE`: they have failed, and gates do not ask for them any more
   */
  readonly code:
    | "MAY_BEGIN"
    | "GO_ON"
    | "STOPPED"
    | "TRY_AGAIN"
    | "WAIT"
    | "NEVER_BEGIN"
    | "KEEP"
    | "LEAVE"
    | "COUNT_NO_MORE";
  readonly devices: number;
}

/** What an act that is done means for the devices. Those that are meant by nothing are left out. */
export function effectsOf(
  { act, leaving }: Pick<Act, "act" | "leaving">,
  before: Counts,
  { memory, allowance }: Advanced,
): readonly Effect[] {
  const counts = leaving === undefined ? before : withoutDevices(before, leaving);
  const waiting = Math.max(0, counts.devices - counts.outside - takenIn(counts));
  const isEnded = memory.ended !== undefined;
  const failed = act === "retry_failed" ? counts.waves.reduce((sum, _, wave) => sum + retriableIn(counts, wave), 0) : 0;
  const mayBegin = isEnded ? 0 : Math.min(waiting, Math.max(0, allowance.upTo - takenIn(counts)));
  const effects: readonly Effect[] = [
    { code: "LEAVE", devices: leaving?.devices ?? 0 },
    { code: "COUNT_NO_MORE", devices: (leaving?.failed ?? []).reduce((sum, n) => sum + n, 0) },
    { code: "TRY_AGAIN", devices: failed },
    { code: isEnded ? "STOPPED" : "GO_ON", devices: underWayIn(counts) },
    { code: "MAY_BEGIN", devices: mayBegin },
    { code: isEnded ? "NEVER_BEGIN" : "WAIT", devices: waiting - mayBegin },
    { code: "KEEP", devices: act === "abort" ? sumOf(counts).updated : 0 },
  ];
  return effects.filter(({ devices }) => devices > 0);
}

/** All waves together. */
export function sumOf({ waves }: Counts): Tally {
  const sum: Record<keyof Tally, number> = { ...NO_TALLY };
  for (const wave of waves) for (const [kind, n] of Object.entries(wave)) sum[kind as keyof Tally] += n;
  return sum;
}

/** So much may a number have moved since a person saw it: 1 %, or 10. */
export const hasMoved = (seen: number, now: number): boolean => Math.abs(now - seen) > Math.max(10, seen / 100);
