import { randomUUID } from "node:crypto";
import { openAsBlob } from "node:fs";
import { setAuthSetStatus } from "../../../server/adapters/postgres/device-status.ts";
import type { Session } from "../../../server/adapters/postgres/postgres.ts";
import type { TestDevice } from "./test-device.ts";
import type { TestServer } from "./test-server.ts";

/** Rows in the tenant of a test server. */
export async function query<T extends Record<string, unknown>>(
  { server, tenant }: TestServer,
  text: string,
  ...values: unknown[]
): Promise<T[]> {
  const rows = await server.services.postgres.inTenant(tenant.id, (session: Session) => session.raw<T>(text, values));
  await server.services.notices.caughtUp();
  return rows;
}

/** Changes the newest key of a device. @returns the id of the device */
async function decideOn(server: TestServer, device: TestDevice, status: "accepted" | "rejected"): Promise<string> {
  const [set] = await query<{ id: string; device_id: string }>(
    server,
    `SELECT s.id, s.device_id FROM auth_sets s JOIN devices d ON d.id = s.device_id
      WHERE d.identity = $1::jsonb ORDER BY s.created_at DESC LIMIT 1`,
    JSON.stringify(device.identity),
  );
  if (set === undefined) throw new Error("the device has no key");
  await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    setAuthSetStatus(session, server.tenant.id, set.device_id, set.id, status),
  );
  return set.device_id;
}

/** Accepts the one key that waits. */
export async function acceptPending(server: TestServer): Promise<void> {
  const [set] = await query<{ id: string; device_id: string }>(
    server,
    "SELECT id, device_id FROM auth_sets WHERE status = 'pending'",
  );
  if (set === undefined) throw new Error("no key waits");
  await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    setAuthSetStatus(session, server.tenant.id, set.device_id, set.id, "accepted"),
  );
}

/** A device that is accepted and has its token. */
export async function enroll(server: TestServer, device: TestDevice): Promise<string> {
  await device.authenticate();
  const id = await decideOn(server, device, "accepted");
  await device.authenticate();
  return id;
}

export interface SeededArtifact {
  readonly types?: readonly string[];
  readonly depends?: Readonly<Record<string, readonly string[]>>;
}

/** An artifact in the database, without bytes. @returns its id */
export async function addArtifact(
  server: TestServer,
  name: string,
  { types = ["board-a"], depends = {} }: SeededArtifact = {},
): Promise<string> {
  const id = randomUUID();
  await query(
    server,
    "INSERT INTO releases (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    server.tenant.id,
    name,
  );
  await query(
    server,
    `INSERT INTO artifacts (tenant_id, id, name, object_key, size, sha256, format_version, signed, device_types, depends,
      provides, updates) VALUES ($1, $2, $3, 'none', 1, '', 3, false, $4, $5, '{}', '[]')`,
    ...[server.tenant.id, id, name, types, JSON.stringify(depends)],
  );
  return id;
}

/** Uploads a file as a person does. */
export async function upload(server: TestServer, path: string): Promise<void> {
  const form = new FormData();
  form.append("artifact", await openAsBlob(path), "upload.mender");
  const answer = await fetch(`${server.url}/api/management/v1/deployments/artifacts`, {
    ...{ method: "POST", headers: { authorization: `Bearer ${server.token}` }, body: form },
  });
  if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
}

export interface SeededDeployment {
  readonly release: string;
  readonly target?: { readonly kind: string; readonly group?: string };
  readonly devices?: readonly string[];
  readonly count?: number;
  readonly retries?: number;
  readonly force?: boolean;
  readonly map?: object;
}

/** A deployment in the database. @returns its id */
export async function addDeployment(
  server: TestServer,
  { release, target, devices = [], count, retries = 0, force = false, map }: SeededDeployment,
): Promise<string> {
  const id = randomUUID();
  await query(
    server,
    `INSERT INTO deployments (tenant_id, id, name, artifact_name, target, retries, force_installation, update_control_map,
      device_count, created_at) VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, clock_timestamp())`,
    ...[server.tenant.id, id, release, JSON.stringify(target ?? { kind: "list" }), retries, force],
    ...[map === undefined ? null : JSON.stringify(map), count ?? Math.max(1, devices.length)],
  );
  for (const device of devices)
    await query(server, "INSERT INTO deployment_targets VALUES ($1, $2, $3)", server.tenant.id, id, device);
  return id;
}

/** State of a deployment, and its counters that are not zero. */
export async function stateOf(server: TestServer, deployment: string): Promise<Record<string, unknown>> {
  const [row] = await query<{ state: string }>(server, "SELECT state FROM deployments WHERE id = $1", deployment);
  const counts = await query<{ status: string; n: number }>(
    server,
    `SELECT status, sum(n)::bigint AS n FROM deployment_counts WHERE deployment_id = $1 GROUP BY status
      HAVING sum(n) <> 0 ORDER BY status`,
    deployment,
  );
  const series = await query<{ status: string; n: number }>(
    server,
    `SELECT status, sum(change)::bigint AS n FROM deployment_series WHERE deployment_id = $1 GROUP BY status
      HAVING sum(change) <> 0 ORDER BY status`,
    deployment,
  );
  const shown = Object.fromEntries(counts.map(({ status, n }) => [status, n]));
  if (JSON.stringify(series) !== JSON.stringify(counts)) throw new Error("the series differ from the counters");
  return { state: row?.state, ...shown };
}
