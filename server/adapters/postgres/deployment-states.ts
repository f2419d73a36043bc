import type { Postgres } from "./postgres.ts";

const STATES = ["pending", "inprogress", "finished", "aborted"] as const;

/** How many deployments all tenants have in each state. */
export async function countDeployments(postgres: Postgres): Promise<ReadonlyMap<string, number>> {
  return postgres.shared(async (session) => {
    const counts = new Map<string, number>(STATES.map((state) => [state, 0]));
    // Row-level security shows one tenant at a time.
    for (const { id } of await session.raw<{ id: string }>("SELECT id FROM tenants")) {
      await session.raw("SELECT set_config('app.tenant', $1, true)", [id]);
      const rows = await session.raw<{ state: string; n: number }>(
        "SELECT state, count(*) AS n FROM deployments WHERE tenant_id = $1 GROUP BY state",
        [id],
      );
      for (const { state, n } of rows) counts.set(state, (counts.get(state) ?? 0) + n);
    }
    return counts;
  });
}
