import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Advanced, advance } from "./advance.ts";
import { underWayIn } from "./counts.ts";
import { type End, initialMemory, type Memory, type Reading } from "./memory.ts";
import { type Peaks, peaksOf } from "./peaks.ts";
import { reachOf } from "./sizes.ts";
import { type Behaviour, VirtualFleet } from "./virtual-fleet.ts";
import type { Wait } from "./waits.ts";
import { type WindowState, windowAt } from "./window.ts";

/** What an estimate supposes. Times are in milliseconds. */
export interface Supposed extends Behaviour {
  readonly start: number;
  /** In bytes. */
  readonly size: number;
  /** How long one download takes. It is a part of the update. */
  readonly downloadMs: number;
  /** What all downloads together may need in a second, besides what the plan says. Budgets of sites are left out. */
  readonly bytesPerSecond?: number | undefined;
}

export interface WaveEstimate {
  /** How many devices it is for. Before it opens, as the plan says. */
  readonly size: number;
  readonly openedAt?: number;
  /** When its gate was met, but for the soak. */
  readonly gateMetAt?: number;
  readonly passedAt?: number;
  /** When the last of its devices had ended its update. */
  readonly endedAt?: number;
}

/** How the rollout ends, as far as one can tell. */
export type Outcome =
  | { readonly kind: "finishes"; readonly at: number }
  | { readonly kind: "halts"; readonly at: number; readonly wave: number; readonly reading: Reading }
  | { readonly kind: "ends"; readonly at: number; readonly why: End }
  | { readonly kind: "waits"; readonly at: number; readonly waits: readonly Wait[] }
  | { readonly kind: "goes_on"; readonly at: number };

export interface Estimate {
  readonly waves: readonly WaveEstimate[];
  readonly outcome: Outcome;
  /** How many devices had begun when it ended. */
  readonly begun: number;
  readonly peaks: Peaks;
  /** Each time may be late by one step for each wave before it. */
  readonly stepMs: number;
  /** How often the reducer was asked: the cost of the estimate. */
  readonly asked: number;
}

/** After so many questions, the steps are too small, or the rollout takes too long to be worth an estimate. */
const ASKED_MAX = 12_000;
const STEP_LEAST_MS = 1000;
const STEP_MOST_MS = 86_400_000;

/**
 * Runs a plan over a virtual fleet, before anything happens to the real one. Approval counts as given. Every device
 * polls, none is left out, and none tries again.
 */
export function estimateOf(plan: Plan, supposed: Supposed): Estimate {
  const { approvals: _, ...approved } = plan;
  const { updateMs } = supposed;
  // A place that becomes free within a step waits for the next one: steps longer than an update would slow it down.
  const most = plan.concurrency === undefined ? STEP_MOST_MS : Math.max(STEP_LEAST_MS, updateMs);
  for (let stepMs = Math.min(most, firstStep(plan, supposed)); ; stepMs = Math.min(most, stepMs * 8)) {
    const estimate = new Run(approved, supposed, stepMs).toTheEnd();
    if (estimate.outcome.kind !== "goes_on" || stepMs === most) return estimate;
  }
}

/** A small part of an update and of the poll interval, but large enough for a rollout that a limit makes long. */
function firstStep(plan: Plan, supposed: Supposed): number {
  const { devices, pollMs, updateMs } = supposed;
  const byRate = (devices / rateOf(plan, supposed)) * 60_000;
  const byConcurrency = (devices / (plan.concurrency ?? Number.POSITIVE_INFINITY)) * updateMs;
  const fine = Math.max(STEP_LEAST_MS, Math.min(pollMs / 120, updateMs / 4));
  const wanted = Math.max(fine, byRate / 2000, byConcurrency / 2000);
  // A whole number of steps to an update: a place that becomes free is taken at once.
  return wanted >= updateMs ? Math.ceil(wanted / 1000) * 1000 : updateMs / Math.ceil(updateMs / wanted);
}

/** How many devices may begin in a minute, by the rate and by the budgets of downloads. */
function rateOf({ rate_per_minute: rate, downloads }: Plan, { size, bytesPerSecond }: Supposed): number {
  const bytes = Math.min(
    bytesPerSecond ?? Number.POSITIVE_INFINITY,
    downloads?.bytes_per_second ?? Number.POSITIVE_INFINITY,
  );
  const byBytes = size === 0 ? Number.POSITIVE_INFINITY : (bytes * 60) / size;
  return Math.min(rate ?? Number.POSITIVE_INFINITY, byBytes);
}

class Run {
  readonly #plan: Plan;
  /** Of these limits, the run keeps count by itself: steps may be longer than the reducer's. */
  readonly #window: Plan["window"];
  readonly #rate: number;
  readonly #is: Supposed;
  readonly #stepMs: number;
  readonly #fleet: VirtualFleet;
  #memory: Memory;
  #now: number;
  #windowState: WindowState = { isOpen: true, changesAt: Number.NEGATIVE_INFINITY };
  /** How many more devices may begin by the rate, and when that was true. */
  #tokens = 0;
  #tokensAt: number;
  #underWayMost = 0;
  #asked = 0;

  constructor(whole: Plan, supposed: Supposed, stepMs: number) {
    const { window, rate_per_minute: _, ...plan } = whole;
    this.#plan = plan;
    this.#window = window;
    this.#rate = rateOf(whole, supposed);
    this.#is = supposed;
    this.#stepMs = stepMs;
    this.#fleet = new VirtualFleet(plan, supposed, stepMs);
    this.#now = supposed.start;
    this.#tokensAt = supposed.start;
    this.#memory = initialMemory("", supposed.start);
  }

  toTheEnd(): Estimate {
    for (;;) {
      const advanced = this.#ask();
      const outcome = this.#outcome();
      if (outcome !== undefined) return this.#result(outcome);
      const room = this.#roomFor(advanced);
      if (room > 0) this.#poll(room);
      this.#underWayMost = Math.max(this.#underWayMost, underWayIn(this.#fleet.counts()));
      const next = this.#nextAfter(advanced);
      if (next === undefined) return this.#result({ kind: "waits", at: this.#now, waits: advanced.waits });
      this.#now = next;
    }
  }

  #ask(): Advanced {
    this.#asked += 1;
    this.#fleet.passTo(this.#now);
    const ended = this.#fleet.isDone ? { ended: "FINISHED" as const } : {};
    const open = this.#memory.waves.length;
    const advanced = advance(this.#plan, this.#memory, {
      ...{ counts: this.#fleet.counts(), acts: [], now: this.#now },
      ...ended,
    });
    this.#memory = advanced.memory;
    if (this.#memory.waves.length > open) this.#fleet.invite(this.#memory.waves.length);
    return advanced;
  }

  #outcome(): Outcome | undefined {
    const { halted, ended } = this.#memory;
    if (halted !== undefined) {
      const { at, wave, ...reading } = halted;
      return { kind: "halts", at, wave, reading };
    }
    if (ended?.why === "FINISHED") return { kind: "finishes", at: ended.at };
    if (ended !== undefined) return { kind: "ends", ...ended };
    return this.#asked >= ASKED_MAX ? { kind: "goes_on", at: this.#now } : undefined;
  }

  #roomFor({ allowance }: Advanced): number {
    if (this.#now >= this.#windowState.changesAt && this.#window !== undefined)
      this.#windowState = windowAt(this.#window, this.#now);
    // The devices of a step poll before it ends. They do not see the wave that opens at its end.
    if (this.#memory.waves.at(-1)?.openedAt === this.#now) return 0;
    return this.#windowState.isOpen ? allowance.upTo - this.#fleet.taken : 0;
  }

  /** At a whole step, the devices that poll in it begin, as far as there is room. */
  #poll(room: number): void {
    const step = Math.round((this.#now - this.#is.start) / this.#stepMs);
    if (step === 0 || this.#stepAt(step) !== this.#now) return;
    const spell = Math.min(this.#now - this.#tokensAt, this.#stepMs);
    this.#tokensAt = this.#now;
    this.#tokens = Math.min(this.#tokens, 1) + (this.#rate * spell) / 60_000;
    const may = Math.min(room, Math.floor(this.#tokens + 1e-9));
    const wave = this.#memory.waves.length - 1;
    const begun = this.#fleet.poll(step - 1, may, wave, this.#now);
    if (Number.isFinite(this.#rate)) this.#tokens -= begun;
  }

  /** In whole milliseconds, so that times can be compared. */
  #stepAt(step: number): number {
    return Math.round(this.#is.start + step * this.#stepMs);
  }

  /** When something happens next. `undefined`: never. */
  #nextAfter(advanced: Advanced): number | undefined {
    const times = [this.#fleet.changesAt(), advanced.wakeAt ?? Number.POSITIVE_INFINITY];
    if (this.#fleet.hasWaiting && advanced.allowance.upTo > this.#fleet.taken) {
      const step = Math.floor((this.#now - this.#is.start) / this.#stepMs) + 1;
      const nextStep = this.#stepAt(this.#stepAt(step) > this.#now ? step : step + 1);
      times.push(this.#windowState.isOpen ? nextStep : this.#windowState.changesAt);
      if (this.#window !== undefined) times.push(this.#windowState.changesAt);
    }
    const next = Math.min(...times);
    return Number.isFinite(next) ? next : undefined;
  }

  #result(outcome: Outcome): Estimate {
    const { updateMs, size, downloadMs } = this.#is;
    const { batches, taken } = this.#fleet;
    const last = new Map(batches.map(({ wave, at }) => [wave, at + updateMs]));
    const waves = this.#plan.waves.map((_, index): WaveEstimate => {
      const { size: planned = this.#sizeOf(index), openedAt, soakAt, passedAt } = this.#memory.waves[index] ?? {};
      const endedAt = last.get(index);
      return {
        size: planned,
        ...(openedAt !== undefined && { openedAt }),
        ...(soakAt !== undefined && { gateMetAt: soakAt }),
        ...(passedAt !== undefined && { passedAt }),
        ...(endedAt !== undefined && endedAt <= outcome.at && { endedAt }),
      };
    });
    const peaks = peaksOf(batches, { size, downloadMs, stepMs: this.#stepMs, underWay: this.#underWayMost });
    return { waves, outcome, begun: taken, peaks, stepMs: this.#stepMs, asked: this.#asked };
  }

  #sizeOf(index: number): number {
    const before = index === 0 ? 0 : reachOf(this.#plan, index - 1, this.#is);
    return reachOf(this.#plan, index, this.#is) - before;
  }
}
