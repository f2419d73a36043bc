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
}

export const NO_TALLY: Tally = { updated: 0, failed: 0, had: 0, unfit: 0, left: 0, underWay: 0 };

const endedIn = ({ updated, failed, had, unfit, left }: Tally): number => updated + failed + had + unfit + left;

/** How many devices have begun, or had their end when it was their turn. */
export const takenIn = ({ waves }: Counts): number =>
  waves.reduce((sum, wave) => sum + endedIn(wave) + wave.underWay, 0);

/** As they are once all that have failed try again. */
export const withoutFailures = (counts: Counts): Counts => ({
  ...counts,
  waves: counts.waves.map((wave) => ({ ...wave, failed: 0, underWay: wave.underWay + wave.failed })),
  recent: { failed: 0, reports: Math.max(0, counts.recent.reports - counts.recent.failed) },
});

export const underWayIn = ({ waves }: Counts): number => waves.reduce((sum, wave) => sum + wave.underWay, 0);
