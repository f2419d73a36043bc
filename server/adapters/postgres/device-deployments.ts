import { causeByServer, NO_LOG } from "../../domain/failures/cause.ts";
import { isEndedByPeople, isFinal } from "../../domain/selection/statuses.ts";
import { countDeployment } from "./deployment-counts.ts";
import { startDeployment, writeFailure } from "./deployment-events.ts";
import { countCause, keepCause } from "./failure-causes.ts";
import type { Session } from "./postgres.ts";
import { takePlace } from "./rollout-places.ts";
import type { DeploymentState } from "./tables.ts";

/**
 * - `changed`: it has the status now
 * - `same`: it had it before
 * - `final`: it has an end, which stays
 * - `ended`: a person has ended it, which stays
 * - `missing`: there is no such deployment, or not for this device
 * - `full`: it is a rollout, and no more devices may begin now
 */
export type Outcome = "changed" | "same" | "final" | "ended" | "missing" | "full";

export interface StatusChange {
  readonly deployment: string;
  readonly device: string;
  readonly status: string;
  readonly substate?: string | undefined;
  /** Why it has the status, if the device did not report it. */
  readonly reason?: string | undefined;
  readonly offer?: Offer | undefined;
}

/** What a device got, and what it said of itself when it got it. */
export interface Offer {
  readonly artifact: string;
  readonly deviceType: string;
  readonly fromArtifact: string;
}

/**
 * Changes the status of a device in a deployment, with all counters, in one transaction. Makes its row if there is none.
 * Whether the deployment has finished with it, `finishDeployments` looks up after the commit.
 */
export async function setDeviceDeployment(session: Session, tenant: string, change: StatusChange): Promise<Outcome> {
  const found = await find(session, tenant, change);
  if (found === undefined) return "missing";
  const { deployment, row } = found;
  if (row === undefined && !RUNNING.has(deployment.state)) return deployment.state === "aborted" ? "ended" : "final";
  return write(session, tenant, deployment, row, change);
}

/**
 * Records what a device reports. A failure starts the next attempt if the deployment has any left: the device gets the
 * deployment again with its next poll.
 */
export async function reportDeviceDeployment(session: Session, tenant: string, change: StatusChange): Promise<Outcome> {
  const found = await find(session, tenant, change);
  if (found?.row === undefined) return "missing";
  const { deployment, row } = found;
  const isNextAttempt = row.attempts > 1 && row.artifact_id === null;
  // A report of the attempt before, which comes twice if its answer was lost.
  if (isNextAttempt && change.status === "failure") return "same";
  if (change.status === "failure" && row.attempts <= deployment.retries && !isFinal(row.status))
    return write(session, tenant, deployment, row, { ...change, status: "pending", reason: "RETRY" }, true);
  return write(session, tenant, deployment, row, change);
}

/** Of devices that have not begun, and of deployments without a plan. */
const NO_WAVE = -1;
const RUNNING: ReadonlySet<DeploymentState> = new Set(["pending", "inprogress"]);

interface Deployment {
  readonly state: DeploymentState;
  readonly retries: number;
  readonly seq: number;
  readonly is_rollout: boolean;
}

interface Row {
  readonly wave: number;
  readonly status: string;
  readonly substate: string | null;
  readonly attempts: number;
  readonly artifact_id: string | null;
  readonly cause: string | null;
}

async function find(
  session: Session,
  tenant: string,
  { deployment: id, device }: StatusChange,
): Promise<{ readonly deployment: Deployment; readonly row: Row | undefined } | undefined> {
  // An abort takes it alone: it must not miss a device that begins at the same time.
  await session.raw("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 3))", [id]);
  const [deployment] = await session.raw<Deployment & Record<string, unknown>>(
    "SELECT state, retries, seq, is_rollout FROM deployments WHERE tenant_id = $1 AND id = $2",
    [tenant, id],
  );
  if (deployment === undefined) return undefined;
  const row = await lockRow(session, tenant, id, device);
  if (row !== undefined) return { deployment, row };
  // A device whose first poll comes twice, by two connections, takes one place: the second waits, and sees the row.
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 8))", [`${id} ${device}`]);
  return { deployment, row: await lockRow(session, tenant, id, device) };
}

async function lockRow(session: Session, tenant: string, deployment: string, device: string): Promise<Row | undefined> {
  const [row] = await session.raw<Row & Record<string, unknown>>(
    `SELECT status, substate, attempts, artifact_id, wave, cause FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = $3 FOR UPDATE`,
    [tenant, deployment, device],
  );
  return row;
}

async function write(
  session: Session,
  tenant: string,
  deployment: Deployment,
  row: Row | undefined,
  { deployment: id, device, status, substate, reason, offer }: StatusChange,
  isNewAttempt = false,
): Promise<Outcome> {
  if (row !== undefined && isFinal(row.status))
    return row.status === status ? "same" : isEndedByPeople(row.status) ? "ended" : "final";
  const isSame = row?.status === status && row.substate === (substate ?? null);
  if (isSame && offer === undefined && !isNewAttempt) return "same";
  const wave =
    row?.wave ??
    (deployment.is_rollout && !isEndedByPeople(status) ? await takePlace(session, tenant, id, device) : NO_WAVE);
  if (wave === undefined) return "full";
  // The log may have come before the status, or comes later.
  const cause =
    status === "failure"
      ? (row?.cause ?? (await keepCause(session, tenant, id, device, reason ? causeByServer(reason) : NO_LOG)))
      : undefined;
  await session.raw(UPSERT, [
    ...[tenant, id, device, status, substate ?? null, reason ?? null],
    ...[offer?.artifact ?? null, offer?.deviceType ?? null, offer?.fromArtifact ?? null],
    ...[isFinal(status), isNewAttempt, wave, cause ?? null],
  ]);
  if (row?.status !== status) await countDeployment(session, tenant, id, device, wave, row?.status, status);
  if (cause !== undefined)
    await countCause(session, tenant, { deployment: id, device, wave, before: undefined, after: cause });
  if (isFinal(status)) await keepFinished(session, tenant, device, deployment.seq);
  if (deployment.state === "pending") await startDeployment(session, tenant, id);
  if (status === "failure" || isNewAttempt)
    await writeFailure(session, tenant, { deployment: id, device, substate, willRetry: isNewAttempt });
  return "changed";
}

const UPSERT = `INSERT INTO device_deployments
    (tenant_id, deployment_id, device_id, status, substate, reason, artifact_id, device_type, from_artifact, started_at,
      finished_at, wave, cause)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $7::uuid IS NOT NULL THEN now() END,
    CASE WHEN $10::boolean THEN now() END, $12, $13)
  ON CONFLICT (tenant_id, deployment_id, device_id) DO UPDATE SET
    status = excluded.status, substate = excluded.substate, reason = excluded.reason,
    artifact_id = CASE WHEN $11::boolean THEN NULL ELSE coalesce(excluded.artifact_id, device_deployments.artifact_id) END,
    device_type = coalesce(excluded.device_type, device_deployments.device_type),
    from_artifact = coalesce(excluded.from_artifact, device_deployments.from_artifact),
    attempts = device_deployments.attempts + $11::boolean::int,
    started_at = coalesce(device_deployments.started_at, excluded.started_at),
    changed_at = now(), finished_at = excluded.finished_at,
    cause = CASE WHEN $11::boolean OR $7::uuid IS NOT NULL THEN NULL ELSE coalesce(excluded.cause, device_deployments.cause) END`;

/** Devices take deployments in their order: after a newer one, no older one. */
async function keepFinished(session: Session, tenant: string, device: string, seq: number): Promise<void> {
  await session.raw(
    `INSERT INTO device_state (tenant_id, device_id, finished_seq)
      SELECT tenant_id, id, $3 FROM devices WHERE tenant_id = $1 AND id = $2
      ON CONFLICT (tenant_id, device_id)
      DO UPDATE SET finished_seq = greatest(device_state.finished_seq, excluded.finished_seq)`,
    [tenant, device, seq],
  );
}
