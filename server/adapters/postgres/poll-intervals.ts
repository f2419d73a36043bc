import type { Session } from "./postgres.ts";

const SAMPLE = 1000;

/** The poll interval that half of a sample of the devices keep within, in seconds. `undefined`: none has shown one. */
export async function usualPollInterval(session: Session, tenant: string): Promise<number | undefined> {
  const [row] = await session.raw<{ usual: number | null }>(
    `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY poll_interval_s) AS usual
      FROM (SELECT poll_interval_s FROM device_state WHERE tenant_id = $1 LIMIT ${SAMPLE}) AS sample
      WHERE poll_interval_s > 0`,
    [tenant],
  );
  return row?.usual ?? undefined;
}
