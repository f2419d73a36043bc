/** How many bytes may be downloaded in a second. `undefined`: any number. */
export interface DownloadRates {
  readonly bytesPerSecond?: number | undefined;
  /** For each site. */
  readonly siteBytesPerSecond?: number | undefined;
}

/** The limits of a tenant, for all deployments together. */
export interface DownloadLimits extends DownloadRates {
  /** Another one after each change. */
  readonly rev: number;
  /** The addresses of a site have so many first bits in common. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
}

export const NO_LIMITS: DownloadLimits = { rev: 0, ipv4Prefix: 24, ipv6Prefix: 48 };

/** Why a device waits although it could begin. */
export type Busy = "WAITS_FOR_DOWNLOADS" | "WAITS_FOR_SITE";

/** Something that downloads use up. */
export interface Budget {
  readonly key: string;
  readonly bytesPerSecond: number;
  readonly busy: Busy;
}

export const isUnlimited = ({ bytesPerSecond: all, siteBytesPerSecond: each }: DownloadRates): boolean =>
  all === undefined && each === undefined;

/** The budgets that a download of a deployment needs: those of the tenant, and those of its plan. */
export function budgetsOf(
  deployment: string,
  own: DownloadRates | undefined,
  limits: DownloadLimits,
  site: string,
): readonly Budget[] {
  const budgets: Budget[] = [];
  const add = (owner: string, { bytesPerSecond: all, siteBytesPerSecond: each }: DownloadRates): void => {
    if (all !== undefined) budgets.push({ key: owner, bytesPerSecond: all, busy: "WAITS_FOR_DOWNLOADS" });
    if (each !== undefined) budgets.push({ key: `${owner} ${site}`, bytesPerSecond: each, busy: "WAITS_FOR_SITE" });
  };
  // What was used up by other limits does not count against new ones.
  add(`tenant/${limits.rev}`, limits);
  if (own !== undefined) add(deployment, own);
  return budgets;
}

/**
 * A budget that was not used saves up so much time, so that a fleet whose polls do not come evenly can use all of it. In
 * any time t, downloads of at most (t + this) × bytesPerSecond bytes begin, and one more.
 */
export const SAVED_MS = 10_000;

export interface Charge {
  readonly key: string;
  /** How long the budget is used up by this download, in milliseconds. */
  readonly ms: number;
}

export const chargeOf = ({ key, bytesPerSecond }: Budget, size: number): Charge => ({
  key,
  ms: (size * 1000) / bytesPerSecond,
});

/** When budgets have been used up until. Times are in milliseconds. */
export type FreeAt = ReadonlyMap<string, number>;

/**
 * Admits a download, or names a budget that is used up.
 *
 * @param freeAt of the charged budgets. One that is missing has not been used
 * @param isBegun the device has its place already, and cannot wait: it is only charged
 */
export function admit(
  charges: readonly Charge[],
  freeAt: FreeAt,
  now: number,
  isBegun: boolean,
):
  | { readonly freeAt: FreeAt; readonly refused?: undefined }
  | { readonly refused: string; readonly freeAt?: undefined } {
  const before = (key: string): number => freeAt.get(key) ?? now;
  const [longest] = charges.toSorted((a, b) => before(b.key) - before(a.key));
  if (!isBegun && longest !== undefined && usedUpForMs(before(longest.key), now) > 0) return { refused: longest.key };
  return { freeAt: new Map(charges.map(({ key, ms }) => [key, Math.max(before(key), now) + ms])) };
}

/** For how long no download that needs a budget may begin. */
export const usedUpForMs = (freeAt: number, now: number): number => Math.max(0, freeAt - SAVED_MS - now);
