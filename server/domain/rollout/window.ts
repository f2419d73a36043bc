import type { Window } from "../../../src/protocol/api/rollouts.ts";

const DAY_MS = 86_400_000;
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

export interface WindowState {
  readonly isOpen: boolean;
  /** When it opens or closes next. */
  readonly changesAt: number;
}

/** The last answer for a window. It holds until the window changes: time zones are slow to compute. */
const answers = new WeakMap<Window, { readonly since: number; readonly state: WindowState }>();

/** Whether a maintenance window is open, and until when. Its hours are those of its time zone on each day. */
export function windowAt(window: Window, now: number): WindowState {
  const known = answers.get(window);
  if (known !== undefined && known.since <= now && now < known.state.changesAt) return known.state;
  const state = compute(window, now);
  answers.set(window, { since: now, state });
  return state;
}

function compute(window: Window, now: number): WindowState {
  // From the day before, whose window may still be open. Two weeks, because on the day on which clocks go forward a window
  // may be empty.
  const days = Array.from({ length: 17 }, (_, n) => dayOf(window.time_zone, now) + (n - 1) * DAY_MS);
  const spans = days
    .filter((day) => window.days.includes(DAYS[new Date(day).getUTCDay()] ?? "sun"))
    .map((day) => ({
      from: instantOf(window.time_zone, day + minutesOf(window.start) * 60_000),
      to: instantOf(window.time_zone, day + minutesOf(window.end) * 60_000 + (window.end < window.start ? DAY_MS : 0)),
    }))
    .filter(({ from, to }) => from < to);
  const open = spans.find(({ from, to }) => from <= now && now < to);
  if (open !== undefined) return { isOpen: true, changesAt: open.to };
  const next = spans.filter(({ from }) => from > now).map(({ from }) => from);
  return { isOpen: false, changesAt: Math.min(...next) };
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

const formats = new Map<string, Intl.DateTimeFormat>();

/** What clocks in a time zone show, as if it were UTC. */
function shownAt(timeZone: string, at: number): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat("en", {
      ...{ timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  formats.set(timeZone, format);
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The beginning of the day in a time zone, as if it were UTC. */
const dayOf = (timeZone: string, at: number): number => Math.floor(shownAt(timeZone, at) / DAY_MS) * DAY_MS;

/**
 * When clocks in a time zone show a time: the first time that they do. Where they jump over it, the moment that would
 * show it without the jump.
 */
function instantOf(timeZone: string, shown: number): number {
  const offsetAt = (at: number): number => shownAt(timeZone, at) - Math.floor(at / 1000) * 1000;
  const before = shown - offsetAt(shown - DAY_MS);
  const after = shown - offsetAt(shown + DAY_MS);
  const exact = [before, after].filter((at) => shownAt(timeZone, at) === shown);
  return exact.length > 0 ? Math.min(...exact) : before;
}
