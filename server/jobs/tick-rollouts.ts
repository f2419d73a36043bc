import type { FastifyBaseLogger } from "fastify";
import { moveRollout } from "../adapters/postgres/move-rollout.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import { listClocks, UNSEEN } from "../adapters/postgres/rollouts.ts";

/**
 * Moves each rollout whose time has come or whose counters have changed. Any process may do it, at any time: a rollout
 * that another one looks at is left to it.
 *
 * @param moved hears of each rollout whose places may have changed
 */
export async function tickRollouts(
  postgres: Postgres,
  moved: (deployment: string) => void,
  log: FastifyBaseLogger,
): Promise<void> {
  const clocks = await postgres.shared(listClocks);
  for (const [tenant, rollouts] of clocks) {
    const rest = rollouts.filter(({ isDue }) => !isDue).map(({ deployment }) => deployment);
    const unseen =
      rest.length === 0 ? [] : await postgres.prepared<{ deployment: string }>(tenant, UNSEEN, [tenant, rest]);
    for (const { deployment } of [...rollouts.filter(({ isDue }) => isDue), ...unseen])
      try {
        if (await postgres.inTenant(tenant, (session) => moveRollout(session, tenant, deployment, false)))
          moved(deployment);
      } catch (error) {
        // One that cannot be moved must not stop the others.
        log.warn({ err: error, deployment }, "A rollout could not be moved. It is tried again.");
      }
  }
}
