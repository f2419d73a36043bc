import type { CauseKind } from "../failures/cause.ts";

/** What became of the devices of one wave. */
export interface Tally {
  readonly updated: number;
  readonly failed: number;
  /** They had the release before. */
  readonly had: number;
  /** No artifact of the release fits. */
  readonly unfit: number;
  /** They were decommissioned, left the target, or were left out. */
  readonly left: number;
  /** They have begun and have no end. */
  readonly underWay: number;
}

/** How many devices failed by one cause, by wave. */
export interface CauseTally {
  readonly kind: CauseKind;
  readonly signature: string;
  readonly waves: readonly number[];
}

/** What is known of the devices of a rollout. All of it comes from counters. */
export interface Counts {
  /** How many devices the rollout has, without those that were left out. */
  readonly devices: number;
  /** Devices that a person has left out before they began. */
  readonly leftOut: number;
  /** By wave. */
  readonly waves: readonly Tally[];
  /** Devices that have an end without having begun, in no wave. */
  readonly outside: number;
  /** The reports within the window of the halt rule. */
  readonly recent: { readonly failed: number; readonly reports: number };
  /** Devices that are under way for longer than the halt rule allows. */
  readonly overdue: number;
  /** Why devices failed. A failure whose log has not come yet has no line. */
  readonly causes: readonly CauseTally[];
  /** How many accepted devices a group of the plan has. */
  readonly groups: Readonly<Record<string, number>>;
  /**
   * By wave, how many of those that failed can try again: devices that have finished a newer deployment since do not go
   * back. It is known when a person asks. `undefined`: all of them.
   */
  readonly retriable?: readonly number[];
  /**
   * Of the updated devices of the newest wave, how many were looked at and how many of them are well. It is read when
   * the gate needs nothing else. `undefined`: it is not known.
   */
  readonly health?: { readonly looked: number; readonly well: number };
  /** The same for the halt rule, which leaves out those that may not have polled since their update. */
  readonly heard?: { readonly looked: number; readonly well: number };
}

export const NO_TALLY: Tally = { updated: 0, failed: 0, had: 0, unfit: 0, left: 0, underWay: 0 };

const endedIn = ({ updated, failed, had, unfit, left }: Tally): number => updated + failed + had + unfit + left;

/** How many devices have begun, or had their end when it was their turn. */
export const takenIn = ({ waves }: Counts): number =>
  waves.reduce((sum, wave) => sum + endedIn(wave) + wave.underWay, 0);

/** How many of those that failed in a wave can try again. */
export const retriableIn = ({ waves, retriable }: Counts, wave: number): number => {
  const failed = waves[wave]?.failed ?? 0;
  return Math.min(failed, retriable === undefined ? failed : (retriable[wave] ?? 0));
};

/** As they are once all that have failed, and can, try again. */
export const withoutFailures = (counts: Counts): Counts => {
  const again = counts.waves.map((_, index) => retriableIn(counts, index));
  const sum = again.reduce((all, n) => all + n, 0);
  const gone = Math.min(sum, counts.recent.failed);
  return {
    ...counts,
    waves: counts.waves.map((wave, index) => {
      const n = again[index] ?? 0;
      return { ...wave, failed: wave.failed - n, underWay: wave.underWay + n };
    }),
    recent: { failed: counts.recent.failed - gone, reports: Math.max(0, counts.recent.reports - gone) },
    causes: [],
  };
};
/** The devices that an act leaves out. */
export interface Leaving {
  /** What they are like, in words of the person. */
  readonly without: string;
  /** How many have not begun. */
  readonly devices: number;
  /** How many of them are in each group. */
  readonly groups: Readonly<Record<string, number>>;
  /** By wave, how many have failed: gates and halt rules ask for them no more. */
  readonly failed: readonly number[];
}

/** As they are once those devices are out. */
export const withoutDevices = (counts: Counts, { devices, groups }: Leaving): Counts => ({
  ...counts,
  devices: counts.devices - devices,
  leftOut: counts.leftOut + devices,
  groups: Object.fromEntries(
    Object.entries(counts.groups).map(([name, n]) => [name, Math.max(0, n - (groups[name] ?? 0))]),
  ),
});

export const underWayIn = ({ waves }: Counts): number => waves.reduce((sum, wave) => sum + wave.underWay, 0);
