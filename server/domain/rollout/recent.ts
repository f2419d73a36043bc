import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Counts } from "./counts.ts";

/** What all waves together had reported. */
interface Sample {
  readonly at: number;
  readonly failed: number;
  readonly reports: number;
}

/** The past of a halt rule that has a window, in order. */
export type Samples = readonly Sample[];

/** Two samples are at least so much of the window apart: that much longer it may be. */
const PARTS = 60;

/** The reports within the window of the halt rule: those that are not in the newest sample from before it. */
export function recentOf({ halt }: Plan, samples: Samples, waves: Counts["waves"], now: number): Counts["recent"] {
  if (halt?.window_s === undefined) return { failed: 0, reports: 0 };
  const from = now - halt.window_s * 1000;
  const base = samples.findLast(({ at }) => at <= from) ?? samples[0] ?? { failed: 0, reports: 0 };
  const { failed, reports } = sampleOf(waves, now);
  return { failed: Math.max(0, failed - base.failed), reports: Math.max(0, reports - base.reports) };
}

/** The samples with one of now, if it is time for one. What is older than the window goes, but for its newest. */
export function nextSamples({ halt }: Plan, samples: Samples, waves: Counts["waves"], now: number): Samples {
  if (halt?.window_s === undefined) return [];
  const windowMs = halt.window_s * 1000;
  const newest = samples.at(-1);
  const sample = sampleOf(waves, now);
  if (newest !== undefined && now - newest.at < windowMs / PARTS) return samples;
  if (newest !== undefined && newest.failed === sample.failed && newest.reports === sample.reports) return samples;
  const first = samples.findLastIndex(({ at }) => at <= now - windowMs);
  return [...samples.slice(Math.max(0, first)), sample];
}

/** From now on, only what is reported later counts: a person has resumed the rollout or has the failed try again. */
export const restart = ({ halt }: Plan, waves: Counts["waves"], now: number): Samples =>
  halt?.window_s === undefined ? [] : [sampleOf(waves, now)];

/** When the reports within the window become fewer, if no more come. */
export function samplesChangeAt(
  { halt }: Plan,
  samples: Samples,
  waves: Counts["waves"],
  now: number,
): number | undefined {
  if (halt?.window_s === undefined) return undefined;
  const windowMs = halt.window_s * 1000;
  const { failed, reports } = sampleOf(waves, now);
  const newest = samples.at(-1);
  // What has come since the newest sample needs a sample of its own.
  if (newest !== undefined && (newest.failed !== failed || newest.reports !== reports))
    return Math.max(now + 1, newest.at + windowMs / PARTS);
  return samples.map(({ at }) => at + windowMs).find((at) => at > now && samples.length > 1);
}

function sampleOf(waves: Counts["waves"], at: number): Sample {
  const failed = waves.reduce((sum, wave) => sum + wave.failed, 0);
  const updated = waves.reduce((sum, wave) => sum + wave.updated, 0);
  return { at, failed, reports: failed + updated };
}
