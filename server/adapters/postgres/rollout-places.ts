import { capsOf } from "../../domain/rollout/state.ts";
import { SHARD_SQL } from "./deployment-counts.ts";
import type { Session } from "./postgres.ts";

/** As many rows have the places of a rollout: see `SHARD_SQL`. */
const SHARDS = 8;
/** More than any rollout has devices. */
const UNLIMITED = 1e15;

/** Makes the places of a new rollout. None of them may be taken yet. */
export async function makePlaces(session: Session, tenant: string, deployment: string): Promise<void> {
  await session.raw(
    `INSERT INTO rollout_places (tenant_id, deployment_id, shard)
      SELECT $1, $2, shard FROM generate_series(0, ${SHARDS - 1}) AS shard`,
    [tenant, deployment],
  );
}

/**
 * Takes a place for a device that begins: of its own shard, else of any that has room. The transaction that makes the
 * row of the device must do it, and no other must be able to take back places meanwhile: see `lockRollout`.
 *
 * @returns the wave in which the device begins; `undefined`: there is no place
 */
export async function takePlace(
  session: Session,
  tenant: string,
  deployment: string,
  device: string,
): Promise<number | undefined> {
  const [own] = await session.raw<{ wave: number }>(
    `UPDATE rollout_places SET n = n + 1 WHERE tenant_id = $1 AND deployment_id = $2 AND n < cap
      AND shard = (SELECT ${SHARD_SQL} FROM (SELECT $3::uuid AS device_id) AS device) RETURNING wave`,
    [tenant, deployment, device],
  );
  if (own !== undefined) return own.wave;
  // A device never waits for a second shard: two that wait for each other's would stand in each other's way.
  const [other] = await session.raw<{ wave: number }>(
    `UPDATE rollout_places SET n = n + 1 WHERE tenant_id = $1 AND deployment_id = $2 AND n < cap AND shard = (
        SELECT shard FROM rollout_places WHERE tenant_id = $1 AND deployment_id = $2 AND n < cap
        ORDER BY shard LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING wave`,
    [tenant, deployment],
  );
  return other?.wave;
}

/** Lets devices begin until so many have, in this wave. The rollout must be locked. */
export async function setPlaces(
  session: Session,
  tenant: string,
  deployment: string,
  { upTo, wave, isLimited }: { readonly upTo: number; readonly wave: number; readonly isLimited: boolean },
): Promise<void> {
  const rows = await session.raw<{ n: number; cap: number; wave: number }>(
    "SELECT n, cap, wave FROM rollout_places WHERE tenant_id = $1 AND deployment_id = $2 ORDER BY shard",
    [tenant, deployment],
  );
  const caps = isLimited
    ? capsOf(
        rows.map(({ n }) => n),
        upTo,
      )
    : rows.map(() => UNLIMITED);
  if (rows.every((row, shard) => row.cap === caps[shard] && row.wave === wave)) return;
  await session.raw(
    `UPDATE rollout_places p SET cap = x.cap, wave = $3
      FROM unnest($4::bigint[]) WITH ORDINALITY AS x (cap, number)
      WHERE p.tenant_id = $1 AND p.deployment_id = $2 AND p.shard = x.number - 1`,
    [tenant, deployment, wave, caps],
  );
}
