import type { Session } from "./postgres.ts";
import { isInSight } from "./sight.ts";

/** The last poll of a device, and what was decided then. */
export interface LastPoll {
  readonly at: Date | undefined;
  readonly answer: { readonly code: string; readonly deployment?: string } | undefined;
  /** Learnt from its polls. */
  readonly intervalS: number | undefined;
  /** When it polls next, if it keeps its interval. */
  readonly nextAt: Date | undefined;
  /** No poll for two of its intervals and a minute. */
  readonly isSilent: boolean;
}

/** @returns `undefined`: there is no such device in sight */
export async function readLastPoll(session: Session, tenant: string, device: string): Promise<LastPoll | undefined> {
  const [row] = await session.raw<PollRow>(
    `SELECT s.check_in_at AS at, s.answer, s.answer_deployment AS deployment, s.poll_interval_s AS interval,
        s.check_in_at + s.poll_interval_s * interval '1 second' AS next,
        coalesce(s.check_in_at < now() - (2 * s.poll_interval_s + 60) * interval '1 second', false) AS silent
      FROM devices d LEFT JOIN device_state s ON s.tenant_id = d.tenant_id AND s.device_id = d.id
      WHERE d.tenant_id = $1 AND d.id = $2`,
    [tenant, device],
  );
  if (row === undefined || !(await isInSight(session, tenant, device))) return undefined;
  const { at, answer, deployment, interval, next, silent } = row;
  return {
    at: at ?? undefined,
    answer: answer === null ? undefined : { code: answer, ...(deployment !== null && { deployment }) },
    intervalS: interval ?? undefined,
    nextAt: next ?? undefined,
    isSilent: silent,
  };
}

interface PollRow extends Record<string, unknown> {
  readonly at: Date | null;
  readonly answer: string | null;
  readonly deployment: string | null;
  readonly interval: number | null;
  readonly next: Date | null;
  readonly silent: boolean;
}
