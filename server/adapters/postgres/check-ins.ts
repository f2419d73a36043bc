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
  /** The answer said when to come back. */
  readonly isAskedBack: boolean;
}

export interface CheckIns {
  note(tenant: string, device: string, checkIn: CheckIn): void;
  /** Writes what was noted: one statement for each tenant. To be called each second and at the end. */
  flush(): Promise<void>;
}

/** At most so many devices wait to be written while the database is away. */
const DEVICES_MAX = 200_000;
const ROWS_MAX = 5000;

interface Noted {
  checkIn: CheckIn;
  /** Of all check-ins that wait, the last that was not `undefined`. */
  provides: CheckIn["provides"];
  at: number;
}

/**
 * Collects check-ins in memory, so that a poll writes nothing. A crash loses those of the last second. What must not be
 * lost, such as a status, never goes this way.
 */
export function collectCheckIns(postgres: Postgres, log: FastifyBaseLogger): CheckIns {
  let noted = new Map<string, Map<string, Noted>>();
  let size = 0;
  let flushing: Promise<void> | undefined;

  function devicesOf(tenant: string): Map<string, Noted> {
    const there = noted.get(tenant);
    if (there !== undefined) return there;
    const devices = new Map<string, Noted>();
    noted.set(tenant, devices);
    return devices;
  }

  function add(devices: Map<string, Noted>, device: string, one: Noted): void {
    if (size >= DEVICES_MAX) return;
    size += 1;
    devices.set(device, one);
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
          const newer = devicesOf(tenant);
          for (const [device, one] of part) if (!newer.has(device)) add(newer, device, one);
        }
      }
    }
  }

  return {
    note(tenant, device, checkIn) {
      const devices = devicesOf(tenant);
      const before = devices.get(device);
      if (before === undefined) {
        add(devices, device, { checkIn, provides: checkIn.provides, at: performance.now() });
        return;
      }
      // The newer one wins; provides that are not written yet stay.
      before.checkIn = checkIn;
      before.provides = checkIn.provides ?? before.provides;
      before.at = performance.now();
    },
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
    rows.map(([, { checkIn }]) => checkIn.artifactName),
    rows.map(([, { checkIn }]) => checkIn.deviceType),
    rows.map(([, { provides }]) => (provides === undefined ? null : JSON.stringify(provides))),
    rows.map(([, { checkIn }]) => checkIn.answer),
    rows.map(([, { checkIn }]) => checkIn.deployment ?? null),
    rows.map(([, { checkIn }]) => checkIn.isAskedBack),
  ];
}

/**
 * The poll interval moves a quarter of the way to the last gap between two polls. A gap counts up to four times the
 * interval, because a device that was off says nothing about its interval. Neither does one that was asked to come back.
 */
const WRITE = {
  name: "write-check-ins",
  text: `INSERT INTO device_state AS s (tenant_id, device_id, check_in_at, artifact_name, device_type, provides, answer,
      answer_deployment, answer_at, asked_back)
    SELECT $1, device, now() - age * interval '1 second', name, type, provides::jsonb, answer, deployment,
      now() - age * interval '1 second', is_asked_back
    FROM unnest($2::uuid[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::boolean[])
      AS x (device, age, name, type, provides, answer, deployment, is_asked_back)
    WHERE EXISTS (SELECT FROM devices d WHERE d.tenant_id = $1 AND d.id = device)
    ORDER BY device
    ON CONFLICT (tenant_id, device_id) DO UPDATE SET
      check_in_at = excluded.check_in_at,
      poll_interval_s = CASE
        WHEN s.asked_back OR s.check_in_at IS NULL OR excluded.check_in_at - s.check_in_at < interval '1 second' THEN s.poll_interval_s
        WHEN s.poll_interval_s IS NULL
          THEN least(extract(epoch FROM excluded.check_in_at - s.check_in_at), 31536000)::int
        ELSE (s.poll_interval_s + (least(extract(epoch FROM excluded.check_in_at - s.check_in_at),
          4 * s.poll_interval_s + 60) - s.poll_interval_s) / 4)::int END,
      artifact_name = excluded.artifact_name,
      device_type = excluded.device_type,
      provides = coalesce(excluded.provides, s.provides),
      answer = excluded.answer,
      answer_deployment = excluded.answer_deployment,
      answer_at = excluded.answer_at,
      asked_back = excluded.asked_back`,
};
