import type { Deployment as Shown, DeploymentDevice as ShownDevice } from "../../../../src/protocol/api/deployments.ts";
import type { DeploymentDevice } from "../../../adapters/postgres/deployment-devices.ts";
import type { Deployment } from "../../../adapters/postgres/deployments.ts";

function filterOf({ target }: Deployment): Pick<Shown, "filter" | "dynamic"> {
  const filter = target.kind === "filter" || target.kind === "list" ? target.filter : undefined;
  return filter === undefined
    ? {}
    : { filter: { ...filter, terms: [...filter.terms] }, dynamic: target.kind === "filter" };
}

export const shownDeployment = (row: Deployment): Shown => ({
  id: row.id,
  name: row.name,
  artifact_name: row.artifact_name,
  type: row.kind,
  status: row.state === "aborted" ? "finished" : row.state,
  state: row.state,
  created: row.created_at.toISOString(),
  ...(row.started_at !== null && { started: row.started_at.toISOString() }),
  ...(row.finished_at !== null && { finished: row.finished_at.toISOString() }),
  device_count: row.device_count,
  initial_device_count: row.device_count,
  max_devices: row.device_count,
  artifacts: [...row.artifacts],
  groups: row.target.kind === "group" ? [row.target.group] : [],
  ...filterOf(row),
  statistics: { status: row.statistics },
  force_installation: row.force_installation,
  retries: row.retries,
  ...(row.update_control_map !== null && { update_control_map: row.update_control_map }),
  ...(row.configuration !== null && { configuration: row.configuration }),
  ...(row.created_by !== null && { created_by: row.created_by }),
});

/** A device that has not asked yet is in the deployment since the deployment was made. */
export function shownDevice({ device, status, row }: DeploymentDevice, { created_at }: Deployment): ShownDevice {
  if (row === undefined) return { id: device, status, created: created_at.toISOString(), attempts: 0, log: false };
  const { substate, started_at, finished_at, device_type, artifact_id, reason } = row;
  return {
    id: device,
    status,
    ...(substate !== null && { substate }),
    created: row.created_at.toISOString(),
    ...(started_at !== null && { started: started_at.toISOString() }),
    ...(finished_at !== null && { finished: finished_at.toISOString() }),
    ...(device_type !== null && { device_type }),
    ...(artifact_id !== null && { artifact_id }),
    attempts: row.attempts,
    log: row.has_log,
    ...(reason !== null && { reason }),
  };
}
