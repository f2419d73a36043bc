import { admit, type Charge, type DownloadLimits, NO_LIMITS, usedUpForMs } from "../../domain/downloads/budgets.ts";
import type { Postgres, Session } from "./postgres.ts";

interface LimitsRow extends Record<string, unknown> {
  readonly rev: number;
  readonly bytes_per_second: number | null;
  readonly site_bytes_per_second: number | null;
  readonly ipv4_prefix: number;
  readonly ipv6_prefix: number;
}

const limitsOf = (row: LimitsRow | undefined): DownloadLimits =>
  row === undefined
    ? NO_LIMITS
    : {
        rev: row.rev,
        bytesPerSecond: row.bytes_per_second ?? undefined,
        siteBytesPerSecond: row.site_bytes_per_second ?? undefined,
        ipv4Prefix: row.ipv4_prefix,
        ipv6Prefix: row.ipv6_prefix,
      };

const COLUMNS = "rev, bytes_per_second, site_bytes_per_second, ipv4_prefix, ipv6_prefix";

const LOAD = {
  name: "load-download-limits",
  text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
      (SELECT row_to_json(l) FROM (SELECT ${COLUMNS} FROM download_limits WHERE tenant_id = $1) AS l) AS limits`,
};

/** The limits of a tenant, with the time of the database in milliseconds since 1970. */
export async function loadDownloadLimits(
  postgres: Postgres,
  tenant: string,
): Promise<{ readonly limits: DownloadLimits; readonly now: number }> {
  const [row] = await postgres.prepared<{ now: number; limits: LimitsRow | null }>(tenant, LOAD, [tenant]);
  return { limits: limitsOf(row?.limits ?? undefined), now: row?.now ?? 0 };
}

export async function readDownloadLimits(session: Session, tenant: string): Promise<DownloadLimits> {
  const [row] = await session.raw<LimitsRow>(`SELECT ${COLUMNS} FROM download_limits WHERE tenant_id = $1`, [tenant]);
  return limitsOf(row);
}

/** Replaces the limits. Downloads that have begun do not count against new ones. */
export async function writeDownloadLimits(
  session: Session,
  tenant: string,
  { bytesPerSecond, siteBytesPerSecond, ipv4Prefix, ipv6Prefix }: Omit<DownloadLimits, "rev">,
): Promise<void> {
  await session.raw(
    `INSERT INTO download_limits AS l (tenant_id, ${COLUMNS}) VALUES ($1, 1, $2, $3, $4, $5)
      ON CONFLICT (tenant_id) DO UPDATE SET rev = l.rev + 1, bytes_per_second = $2, site_bytes_per_second = $3,
        ipv4_prefix = $4, ipv6_prefix = $5`,
    [tenant, bytesPerSecond ?? null, siteBytesPerSecond ?? null, ipv4Prefix, ipv6Prefix],
  );
  await session.raw("DELETE FROM download_budgets WHERE tenant_id = $1 AND key LIKE 'tenant/%'", [tenant]);
}

/** Ends the transaction without a change: a budget is used up. */
export class BudgetUsedUp extends Error {
  override readonly name = "BudgetUsedUp";
  readonly key: string;
  readonly forMs: number;

  constructor(key: string, forMs: number) {
    super(`a budget is used up: ${key}`);
    this.key = key;
    this.forMs = forMs;
  }
}

/**
 * Charges the budgets of a download that begins, in the transaction in which the device gets it, and after everything
 * else in it: devices of all processes wait for the rows.
 *
 * @param isBegun see `admit`
 * @returns for how long each of them is used up now, in milliseconds
 * @throws {BudgetUsedUp} nothing is charged, and the transaction must not be committed
 */
export async function chargeBudgets(
  session: Session,
  tenant: string,
  charges: readonly Charge[],
  isBegun: boolean,
): Promise<readonly (readonly [key: string, forMs: number])[]> {
  const keys = charges.map(({ key }) => key);
  const read = () =>
    session.raw<{ key: string; free: number; now: number }>(
      `SELECT key, extract(epoch FROM free_at)::float8 * 1000 AS free, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now
        FROM download_budgets WHERE tenant_id = $1 AND key = ANY ($2) ORDER BY key FOR UPDATE`,
      [tenant, keys],
    );
  let rows = await read();
  if (rows.length < keys.length) {
    await session.raw(
      `INSERT INTO download_budgets (tenant_id, key, free_at)
        SELECT $1, key, now() FROM unnest($2::text[]) AS x (key) ORDER BY key ON CONFLICT DO NOTHING`,
      [tenant, keys],
    );
    rows = await read();
  }
  const now = Math.max(...rows.map((row) => row.now));
  const before = new Map(rows.map(({ key, free }) => [key, free]));
  const { refused, freeAt = before } = admit(charges, before, now, isBegun);
  if (refused !== undefined) throw new BudgetUsedUp(refused, usedUpForMs(before.get(refused) ?? now, now));
  await session.raw(
    `UPDATE download_budgets b SET free_at = to_timestamp(x.free / 1000)
      FROM unnest($2::text[], $3::float8[]) AS x (key, free) WHERE b.tenant_id = $1 AND b.key = x.key`,
    [tenant, [...freeAt.keys()], [...freeAt.values()]],
  );
  return [...freeAt].map(([key, at]) => [key, usedUpForMs(at, now)] as const);
}
