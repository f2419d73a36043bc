const MINUTE_MS = 60_000;

/** The most of everything that a rollout needs at once. */
export interface Peaks {
  readonly underWay: number;
  readonly bytesPerSecond: number;
  readonly devicesPerMinute: number;
}

interface Load {
  /** Of one download, in bytes. */
  readonly size: number;
  readonly downloadMs: number;
  /** In one step, devices begin evenly. */
  readonly stepMs: number;
  readonly underWay: number;
}

/** Finds the peaks among the devices that began, in the order of their times. */
export function peaksOf(
  begun: readonly { readonly at: number; readonly devices: number }[],
  { size, downloadMs, stepMs, underWay }: Load,
): Peaks {
  const downloadSpan = Math.max(downloadMs, stepMs);
  const minuteSpan = Math.max(MINUTE_MS, stepMs);
  return {
    underWay,
    bytesPerSecond: Math.round((mostWithin(begun, downloadSpan) * size * 1000) / downloadSpan),
    devicesPerMinute: Math.round((mostWithin(begun, minuteSpan) * MINUTE_MS) / minuteSpan),
  };
}

/** How many devices began at most within any time so long. */
function mostWithin(begun: readonly { readonly at: number; readonly devices: number }[], spanMs: number): number {
  let most = 0;
  let within = 0;
  let first = 0;
  for (const { at, devices } of begun) {
    within += devices;
    // Times are in whole milliseconds, and steps need not be.
    for (; (begun[first]?.at ?? at) <= at - spanMs + 1; first += 1) within -= begun[first]?.devices ?? 0;
    most = Math.max(most, within);
  }
  return most;
}
