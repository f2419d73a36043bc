import type { Postgres } from "./postgres.ts";

type Configuration = Readonly<Record<string, string>>;

/** What a device should be configured to. */
export async function readConfigured(postgres: Postgres, tenant: string, device: string): Promise<Configuration> {
  const [row] = await postgres.prepared<{ configured: Configuration }>(tenant, READ, [tenant, device]);
  return row?.configured ?? {};
}

const READ = {
  name: "read-configured",
  text: "SELECT configured FROM device_configurations WHERE tenant_id = $1 AND device_id = $2",
};

/** Keeps what a device says it is configured to. @returns whether the device is there */
export async function keepReportedConfiguration(
  postgres: Postgres,
  tenant: string,
  device: string,
  reported: Configuration,
): Promise<boolean> {
  const rows = await postgres.prepared(tenant, KEEP, [tenant, device, JSON.stringify(reported)]);
  return rows.length > 0;
}

const KEEP = {
  name: "keep-reported-configuration",
  text: `INSERT INTO device_configurations (tenant_id, device_id, reported, reported_at)
    SELECT tenant_id, id, $3::jsonb, now() FROM devices WHERE tenant_id = $1 AND id = $2
    ON CONFLICT (tenant_id, device_id) DO UPDATE SET reported = excluded.reported, reported_at = now()
    RETURNING device_id`,
};
