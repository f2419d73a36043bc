import type { FastifyBaseLogger } from "fastify";
import type { Postgres } from "./postgres.ts";

/** What is kept of a poll. */
export interface CheckIn {
  readonly artifactName: string;
  readonly deviceType: string;
  /** `undefined`: as they were at the last poll. */
  readonly provides: Readonly<Record<string, string>> | undefined;
  /** Why the device got what it got, and the deployment that this is about. */
  readonly answer: string;
  readonly deployment: string | undefined;
}

export interface CheckIns {
  note(tenant: string, device: string, checkIn: CheckIn): void;
  /** Writes what was noted: one statement for each tenant. To be called each second and at the end. */
  flush(): Promise<void>;
}

/** At most so many devices wait to be written while the database is away. */
const DEVICES_MAX = 200_000;
const ROWS_MAX = 5000;

interface Noted extends CheckIn {
  readonly at: number;
}

/**
 * Collects check-ins in memory, so that a poll writes nothing. A crash loses those of the last second. What must not be
 * lost, such as a status, never goes this way.
 */
export function collectCheckIns(postgres: Postgres, log: FastifyBaseLogger): CheckIns {
  let noted = new Map<string, Map<string, Noted>>();
  let size = 0;
  let flushing: Promise<void> | undefined;

  function keep(tenant: string, device: string, one: Noted): void {
    const devices = noted.get(tenant) ?? new Map<string, Noted>();
    noted.set(tenant, devices);
    const before = devices.get(device);
    if (before === undefined && size >= DEVICES_MAX) return;
    if (before === undefined) size += 1;
    // The newer one wins; provides that are not written yet stay.
    devices.set(device, before === undefined ? one : { ...one, provides: one.provides ?? before.provides });
  }

  async function write(): Promise<void> {
    const batch = noted;
    noted = new Map();
    size = 0;
    for (const [tenant, devices] of batch) {
      const rows = [...devices].toSorted(([a], [b]) => (a < b ? -1 : 1));
      for (let start = 0; start < rows.length; start += ROWS_MAX) {
        const part = rows.slice(start, start + ROWS_MAX);
        try {
          await postgres.prepared(tenant, WRITE, [tenant, ...columnsOf(part)]);
        } catch (error) {
          log.warn({ err: error, devices: part.length }, "Check-ins could not be written. They wait.");
          for (const [device, one] of part) if (noted.get(tenant)?.has(device) !== true) keep(tenant, device, one);
        }
      }
    }
  }

  return {
    note: (tenant, device, checkIn) => keep(tenant, device, { ...checkIn, at: performance.now() }),
    flush() {
      flushing = (flushing ?? Promise.resolve()).then(write);
      return flushing;
    },
  };
}

function columnsOf(rows: readonly (readonly [string, Noted])[]): unknown[] {
  const now = performance.now();
  return [
    rows.map(([device]) => device),
    rows.map(([, { at }]) => (now - at) / 1000),
    rows.map(([, { artifactName }]) => artifactName),
    rows.map(([, { deviceType }]) => deviceType),
    rows.map(([, { provides }]) => (provides === undefined ? null : JSON.stringify(provides))),
    rows.map(([, { answer }]) => answer),
    rows.map(([, { deployment }]) => deployment ?? null),
  ];
}

/**
 * The poll interval moves a quarter of the way to the last gap between two polls. A gap counts up to four times the
 * interval, because a device that was off says nothing about its interval.
 */
const WRITE = {
  name: "write-check-ins",
  text: `INSERT INTO device_state AS s (tenant_id, device_id, check_in_at, artifact_name, device_type, provides, answer,
      answer_deployment, answer_at)
    SELECT $1, device, now() - age * interval '1 second', name, type, provides::jsonb, answer, deployment,
      now() - age * interval '1 second'
    FROM unnest($2::uuid[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
      AS x (device, age, name, type, provides, answer, deployment)
    WHERE EXISTS (SELECT FROM devices d WHERE d.tenant_id = $1 AND d.id = device)
    ORDER BY device
    ON CONFLICT (tenant_id, device_id) DO UPDATE SET
      check_in_at = excluded.check_in_at,
      poll_interval_s = CASE
        WHEN s.check_in_at IS NULL OR excluded.check_in_at - s.check_in_at < interval '1 second' THEN s.poll_interval_s
        WHEN s.poll_interval_s IS NULL
          THEN least(extract(epoch FROM excluded.check_in_at - s.check_in_at), 31536000)::int
        ELSE (s.poll_interval_s + (least(extract(epoch FROM excluded.check_in_at - s.check_in_at),
          4 * s.poll_interval_s + 60) - s.poll_interval_s) / 4)::int END,
      artifact_name = excluded.artifact_name,
      device_type = excluded.device_type,
      provides = coalesce(excluded.provides, s.provides),
      answer = excluded.answer,
      answer_deployment = excluded.answer_deployment,
      answer_at = excluded.answer_at`,
};
