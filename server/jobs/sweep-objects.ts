import { type Postgres, sql } from "../adapters/postgres/postgres.ts";
import { takeExpiredUpload } from "../adapters/postgres/uploads.ts";
import type { Objects } from "../ports/objects.ts";

/** A writer that has not written for so long has crashed. */
const IDLE_S = 24 * 3600;

/**
 * Removes objects that no artifact names: of uploads that a crash has ended, and of deleted artifacts.
 *
 * @returns how many there were
 */
export async function sweepObjects(postgres: Postgres, objects: Objects): Promise<number> {
  let removed = await objects.removeLeftovers(IDLE_S);
  const tenants = await postgres.shared((session) => session.rows(sql.selectFrom("tenants").select("id")));
  for (const { id: tenant } of tenants) {
    // The row goes only after the object: a crash between the two leaves the row.
    const sweepOne = (): Promise<boolean> =>
      postgres.inTenant(tenant, async (session) => {
        const upload = await takeExpiredUpload(session, tenant);
        if (upload !== undefined) await objects.delete(upload.object_key);
        return upload !== undefined;
      });
    while (await sweepOne()) removed += 1;
  }
  return removed;
}
