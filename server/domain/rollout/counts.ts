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

/** What is known of the devices of a rollout. All of it comes from counters. */
export interface Counts {
  /** How many devices the rollout has. */
  readonly devices: number;
  /** By wave. */
  readonly waves: readonly Tally[];
  /** Devices that have an end without having begun, in no wave. */
  readonly outside: number;
  /** The reports within the window of the halt rule. */
  readonly recent: { readonly failed: number; readonly reports: number };
  /** Devices that are under way for longer than the halt rule allows. */
  readonly overdue: number;
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
  };
};

export const underWayIn = ({ waves }: Counts): number => waves.reduce((sum, wave) => sum + wave.underWay, 0);
