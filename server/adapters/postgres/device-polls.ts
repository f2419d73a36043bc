import { factsOf, type InventoryOfDevice } from "../../domain/filters/device-facts.ts";
import type { Membership, Row } from "../../domain/selection/facts.ts";
import { isFinal } from "../../domain/selection/statuses.ts";
import { FACTS } from "./filter-sql.ts";
import type { Postgres } from "./postgres.ts";
import { isUpdatedIn } from "./updated-devices.ts";

export interface PollFacts {
  readonly member: Membership;
  /** What the device has to do with the deployments, by their ids. */
  readonly rows: ReadonlyMap<string, Row>;
  /** How often the device polls, in seconds. `undefined`: it has not shown it yet. */
  readonly intervalS: number | undefined;
}

/**
 * What a selection needs to know of a device. `undefined`: it is gone.
 *
 * @param origins the deployments whose devices others go back to
 * @param withInventory whether to read what filters can ask
 */
export async function readPollFacts(
  postgres: Postgres,
  tenant: string,
  device: string,
  deployments: readonly string[],
  origins: readonly string[],
  withInventory: boolean,
): Promise<PollFacts | undefined> {
  const statement = withInventory ? READ_FACTS_AND_INVENTORY : READ_FACTS;
  const [row] = await postgres.prepared<FactsRow>(tenant, statement, [tenant, device, deployments, origins]);
  if (row === undefined) return undefined;
  const { accepted, group_name, since, finished_seq, listed, updated_in, rows, interval } = row;
  return {
    member: {
      device,
      acceptedAt: accepted ?? undefined,
      group: group_name ?? undefined,
      groupSince: since ?? undefined,
      listedIn: new Set(listed),
      updatedIn: new Set(updated_in),
      finishedSeq: finished_seq,
      known: hasInventory(row) ? factsOf(row) : undefined,
    },
    rows: new Map(rows.map((one) => [one.deployment, shownRow(one)])),
    intervalS: interval ?? undefined,
  };
}

const shownRow = ({ status, artifact, from, type }: DeploymentRow): Row => ({
  isFinal: isFinal(status),
  artifact: artifact ?? undefined,
  artifactName: from ?? undefined,
  deviceType: type ?? undefined,
});

/** The columns are NULL if the device has no inventory, and missing if they were not asked for. */
const hasInventory = (row: FactsRow): row is FactsRow & InventoryOfDevice => row.attributes != null;

interface FactsRow extends Partial<InventoryOfDevice> {
  readonly accepted: number | null;
  readonly group_name: string | null;
  readonly since: number | null;
  readonly finished_seq: number;
  readonly interval: number | null;
  readonly listed: string[];
  readonly updated_in: string[];
  readonly rows: DeploymentRow[];
}

interface DeploymentRow {
  readonly deployment: string;
  readonly status: string;
  readonly artifact: string | null;
  readonly from: string | null;
  readonly type: string | null;
}

const readFacts = (
  more: string,
): string => `SELECT ${more} extract(epoch FROM d.accepted_at)::float8 AS accepted, i.group_name,
      extract(epoch FROM i.group_since)::float8 AS since, coalesce(c.finished_seq, 0) AS finished_seq,
      c.poll_interval_s AS interval,
      ARRAY(SELECT deployment_id FROM deployment_targets t
        WHERE t.tenant_id = d.tenant_id AND t.device_id = d.id AND t.deployment_id = ANY ($3::uuid[])) AS listed,
      ARRAY(SELECT id FROM unnest($4::uuid[]) AS o (id) WHERE ${isUpdatedIn("o.id", "d.id")}) AS updated_in,
      (SELECT coalesce(json_agg(json_build_object('deployment', deployment_id, 'status', r.status, 'artifact', artifact_id,
          'from', from_artifact, 'type', r.device_type)), '[]')
        FROM device_deployments r
        WHERE r.tenant_id = d.tenant_id AND r.device_id = d.id AND r.deployment_id = ANY ($3::uuid[])) AS rows
    FROM devices d
    LEFT JOIN inventory i ON i.tenant_id = d.tenant_id AND i.device_id = d.id
    LEFT JOIN device_state c ON c.tenant_id = d.tenant_id AND c.device_id = d.id
    WHERE d.tenant_id = $1 AND d.id = $2`;

const READ_FACTS = { name: "read-poll-facts", text: readFacts("") };
const READ_FACTS_AND_INVENTORY = { name: "read-poll-facts-and-inventory", text: readFacts(`${FACTS},`) };
