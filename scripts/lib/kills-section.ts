type Kind = "statuses" | "logs" | "uploads" | "acceptances" | "deployments" | "acts" | "events";

/** What a run of `test/system/server/kills` found, if it found nothing wrong. */
export interface KillsResult {
  readonly seed: number;
  readonly kills: number;
  readonly killed: Readonly<Record<"server" | "PostgreSQL" | "both", number>>;
  /** What the server had acknowledged, by kind, and the events that a webhook has got. */
  readonly acked: Readonly<Record<Kind, number>>;
  /** From each kill until the server was ready again, sorted. */
  readonly backMs: readonly number[];
}

/** Formats the section of docs/reliability.md. */
export function killsSection({ seed, kills, killed, acked, backMs }: KillsResult, where: string): string {
  const seconds = (part: number): string =>
    ((backMs[Math.min(backMs.length - 1, Math.floor(backMs.length * part))] ?? 0) / 1000).toFixed(1);
  const { statuses, logs, uploads, acceptances, deployments, acts, events } = acked;
  return [
    "<!-- server-killed: begin -->",
    "",
    `Measured ${where}, seed ${seed}: ${kills} kills (${killed.server} of the server, ${killed.PostgreSQL} of PostgreSQL, ` +
      `${killed.both} of both); acknowledged by then: ${statuses} statuses, ${logs} logs, ${uploads} uploads, ` +
      `${acceptances} acceptances, ${deployments} deployments and ${acts} acts on their rollouts, with their audit ` +
      `records; 0 lost, 0 half there, no wave opened twice, all ${events} events told; ready again after ${seconds(0.5)} s (median), ${seconds(1)} s at most.`,
    "",
    "<!-- server-killed: end -->",
  ].join("\n");
}
