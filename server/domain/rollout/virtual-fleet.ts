import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { signatureOf } from "../failures/signature.ts";
import { type Counts, NO_TALLY, type Tally } from "./counts.ts";
import { doorOf } from "./sizes.ts";

/** What the devices of a virtual fleet are like. Times are in milliseconds. */
export interface Behaviour {
  readonly devices: number;
  readonly groups: Readonly<Record<string, number>>;
  /** Time from one poll to the next. The polls of all devices are spread evenly over it. */
  readonly pollMs: number;
  /** How long one update takes on a device. */
  readonly updateMs: number;
  readonly failurePct: number;
}

/** Devices that began at the same time. */
interface Batch {
  readonly wave: number;
  readonly devices: number;
  readonly at: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Devices of a fleet without names: cohorts by the time at which they poll, and batches of those that update. */
export class VirtualFleet {
  readonly #plan: Plan;
  readonly #is: Behaviour;
  /** Devices for which a wave is open and that have not begun, by the step of the poll interval in which they poll. */
  readonly #cohorts: number[];
  /** After so long, a device that is under way is overdue. Infinite if no update takes so long. */
  readonly #lateMs: number;
  readonly #tallies: Mutable<Tally>[] = [];
  readonly #begun: Batch[] = [];
  /** The first batch of those that have not ended, that are not overdue, and that count as recent. */
  readonly #first = { underWay: 0, timely: 0, recent: 0 };
  #admitted = 0;
  #invited = 0;
  #recent = { failed: 0, reports: 0 };
  #overdue = 0;
  readonly #ends: { readonly failed: number; readonly reports: number }[] = [];

  constructor(plan: Plan, behaviour: Behaviour, stepMs: number) {
    this.#plan = plan;
    this.#is = behaviour;
    const lateMs = (plan.halt?.overdue_after_s ?? Number.POSITIVE_INFINITY) * 1000;
    this.#lateMs = lateMs < behaviour.updateMs ? lateMs : Number.POSITIVE_INFINITY;
    this.#cohorts = Array.from({ length: Math.max(1, Math.round(behaviour.pollMs / stepMs)) }, () => 0);
  }

  /** Every batch that has begun, in order. */
  get batches(): readonly Batch[] {
    return this.#begun;
  }

  get taken(): number {
    return this.#admitted;
  }

  get isDone(): boolean {
    return this.#admitted >= this.#is.devices && this.#first.underWay === this.#begun.length;
  }

  get hasWaiting(): boolean {
    return this.#invited > this.#admitted;
  }

  counts(): Counts {
    const { devices, groups } = this.#is;
    const waves = this.#tallies.map((tally) => ({ ...tally }));
    // An estimate supposes that updated devices are well.
    const well = waves.at(-1)?.updated ?? 0;
    // All that fail do so by the cause that the halt rule names.
    const named = this.#plan.halt?.cause;
    const cause = {
      kind: "line",
      signature: signatureOf(named ?? ""),
      waves: waves.map(({ failed }) => failed),
    } as const;
    return {
      ...{ devices, groups, waves, outside: 0, leftOut: 0, recent: this.#recent, overdue: this.#overdue },
      health: { looked: well, well },
      causes: named === undefined ? [] : [cause],
    };
  }

  /** Opens the doors of the waves that are open, for cohorts of the same size. */
  invite(open: number): void {
    const { devices, groups } = this.#is;
    const door = doorOf(this.#plan, open, { devices, groups });
    const inGroups = door.groups.reduce((sum, name) => sum + (groups[name] ?? 0), 0);
    const invited = Math.max(this.#invited, Math.min(devices, Math.round(door.below * devices) + inGroups));
    const more = invited - this.#invited;
    const n = this.#cohorts.length;
    for (let index = 0; index < n; index += 1)
      this.#cohorts[index] =
        (this.#cohorts[index] ?? 0) + Math.floor(((index + 1) * more) / n) - Math.floor((index * more) / n);
    this.#invited = invited;
  }

  /** The devices of one step poll, and at most `room` of them begin. */
  poll(step: number, room: number, wave: number, at: number): number {
    const index = step % this.#cohorts.length;
    const devices = Math.min(this.#cohorts[index] ?? 0, room);
    if (devices <= 0) return 0;
    this.#cohorts[index] = (this.#cohorts[index] ?? 0) - devices;
    this.#tally(wave).underWay += devices;
    this.#admitted += devices;
    this.#begun.push({ wave, devices, at });
    return devices;
  }

  /** Ends what has taken its time, and counts what is overdue or recent. */
  passTo(now: number): void {
    const { updateMs } = this.#is;
    for (; this.#isBefore(this.#first.underWay, now - updateMs); this.#first.underWay += 1)
      this.#end(this.#begun[this.#first.underWay]);
    for (; this.#isBefore(this.#first.timely, now - this.#lateMs); this.#first.timely += 1)
      this.#overdue += this.#begun[this.#first.timely]?.devices ?? 0;
    const windowS = this.#plan.halt?.window_s;
    if (windowS === undefined) return;
    for (; this.#isBefore(this.#first.recent, now - updateMs - windowS * 1000 - 1); this.#first.recent += 1) {
      const { failed = 0, reports = 0 } = this.#ends[this.#first.recent] ?? {};
      this.#recent = { failed: this.#recent.failed - failed, reports: this.#recent.reports - reports };
    }
  }

  /** When the fleet changes by itself: an update ends, or becomes overdue. */
  changesAt(): number {
    const beginOf = (index: number): number => this.#begun[index]?.at ?? Number.POSITIVE_INFINITY;
    return Math.min(beginOf(this.#first.underWay) + this.#is.updateMs, beginOf(this.#first.timely) + this.#lateMs);
  }

  #isBefore(index: number, at: number): boolean {
    return (this.#begun[index]?.at ?? Number.POSITIVE_INFINITY) <= at;
  }

  /** Failures are spread evenly over the devices of a wave. A part of a device is none, so no share is exceeded. */
  #end(batch: Batch | undefined): void {
    if (batch === undefined) return;
    const tally = this.#tally(batch.wave);
    const ended = tally.updated + tally.failed + batch.devices;
    const failed = Math.floor((ended * this.#is.failurePct) / 100 + 1e-9) - tally.failed;
    tally.underWay -= batch.devices;
    tally.failed += failed;
    tally.updated = ended - tally.failed;
    this.#ends.push({ failed, reports: batch.devices });
    this.#recent = { failed: this.#recent.failed + failed, reports: this.#recent.reports + batch.devices };
    // It was overdue until now.
    if (this.#first.underWay < this.#first.timely) this.#overdue -= batch.devices;
  }

  #tally(wave: number): Mutable<Tally> {
    while (this.#tallies.length <= wave) this.#tallies.push({ ...NO_TALLY });
    return this.#tallies[wave] ?? { ...NO_TALLY };
  }
}
