import type { ColumnType, Generated } from "kysely";
import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Reopening } from "../../domain/rollout/come-back.ts";
import type { Memory } from "../../domain/rollout/memory.ts";
import type { Samples } from "../../domain/rollout/recent.ts";
import type { Json, JsonWithDefault, Stamp } from "./column-types.ts";
import type { FailureCauseTable, FailureCountTable } from "./failure-tables.ts";
import type {
  ChannelTable,
  ContinuousDeploymentTable,
  FilterTable,
  PromotionTable,
  SigningKeyTable,
  TargetFilter,
} from "./group-tables.ts";
import type {
  AuditStreamTable,
  AuditTable,
  DownloadLimitsTable,
  EnrolmentRuleTable,
  EnrolmentTokenTable,
  EventTable,
  OutboxTable,
} from "./more-tables.ts";
import type {
  HandoverTable,
  IdentityProviderTable,
  IdentityTable,
  LoginFailureTable,
  PasswordLinkTable,
  RoleTable,
  SecondFactorTable,
  SessionTable,
  SignInRulesTable,
  SignInTable,
  UserTable,
} from "./people-tables.ts";
import type { WebhookDeliveryTable, WebhookTable } from "./webhook-tables.ts";

/**
 * The columns of each table, as `pg` returns them. A test compares this file with the schema of a migrated database.
 * A bigint arrives as a number: none of ours comes near 2^53.
 */
export interface Tables {
  tenants: { id: string; name: string; token: string; max_devices: Generated<number>; created_at: Stamp };
  logins: { email: string; tenant_id: string; user_id: string };
  login_attempts: { key: string; failures: Generated<number>; next_at: Stamp; updated_at: Stamp };
  secrets: { name: string; value: string; created_at: Stamp };
  jobs: JobTable;
  devices: DeviceTable;
  auth_sets: AuthSetTable;
  enrolment_rules: EnrolmentRuleTable;
  enrolment_tokens: EnrolmentTokenTable;
  device_state: DeviceStateTable;
  inventory: InventoryTable;
  filters: FilterTable;
  device_counts: { tenant_id: string; what: string; shard: number; n: Generated<number> };
  releases: {
    tenant_id: string;
    name: string;
    tags: Generated<string[]>;
    notes: Generated<string>;
    modified_at: Stamp;
  };
  artifacts: ArtifactTable;
  artifact_signatures: { tenant_id: string; artifact_id: string; manifest: Buffer; signature: Buffer };
  signing_keys: SigningKeyTable;
  channels: ChannelTable;
  promotions: PromotionTable;
  continuous_deployments: ContinuousDeploymentTable;
  uploads: { tenant_id: string; id: string; object_key: string; kind: string; expires_at: Date; created_at: Stamp };
  deployments: DeploymentTable;
  deployment_targets: { tenant_id: string; deployment_id: string; device_id: string };
  device_deployments: DeviceDeploymentTable;
  failure_causes: FailureCauseTable;
  failure_counts: FailureCountTable;
  deployment_counts: DeploymentCountTable;
  rollouts: RolloutTable;
  rollout_clocks: { tenant_id: string; deployment_id: string; wake_at: Stamp };
  rollout_places: RolloutPlaceTable;
  rollout_decisions: RolloutDecisionTable;
  download_limits: DownloadLimitsTable;
  download_budgets: { tenant_id: string; key: string; free_at: Date };
  deployment_series: DeploymentSeriesTable;
  deployment_logs: DeploymentLogTable;
  device_configurations: DeviceConfigurationTable;
  users: UserTable;
  roles: RoleTable;
  sessions: SessionTable;
  second_factors: SecondFactorTable;
  login_failures: LoginFailureTable;
  password_links: PasswordLinkTable;
  sign_in_rules: SignInRulesTable;
  identity_providers: IdentityProviderTable;
  provider_tenants: { provider_id: string; tenant_id: string };
  identities: IdentityTable;
  sign_ins: SignInTable;
  handovers: HandoverTable;
  settings: { tenant_id: string; user_id: string; value: Json<object>; rev: Generated<number> };
  audit: AuditTable;
  audit_streams: AuditStreamTable;
  audit_ends: { tenant_id: string; seq: Generated<number>; hash: Buffer };
  idempotency: IdempotencyTable;
  outbox: OutboxTable;
  events: EventTable;
  webhooks: WebhookTable;
  webhook_deliveries: WebhookDeliveryTable;
  webhook_queues: { webhook_id: string; tenant_id: string; due_at: Stamp; claimed_until: Date | null };
}

interface JobTable {
  id: Generated<number>;
  kind: string;
  tenant_id: string | null;
  body: JsonWithDefault<Record<string, unknown>>;
  run_at: Stamp;
  attempts: Generated<number>;
  failed_at: Date | null;
  error: string | null;
  created_at: Stamp;
}

export type DeviceStatus = "pending" | "accepted" | "rejected" | "preauthorized" | "noauth";
export type AuthSetStatus = Exclude<DeviceStatus, "noauth">;

interface DeviceTable {
  tenant_id: string;
  id: string;
  identity: Json<Record<string, unknown>>;
  identity_hash: Buffer;
  status: DeviceStatus;
  accepted_at: Date | null;
  created_at: Stamp;
  updated_at: Stamp;
}

interface AuthSetTable {
  tenant_id: string;
  id: string;
  device_id: string;
  pubkey: string;
  pubkey_hash: Buffer;
  tier: Generated<string>;
  status: AuthSetStatus;
  tokens_valid_from: ColumnType<Date | number, Date | undefined, Date>;
  seen_from: string | null;
  created_at: Stamp;
}

interface DeviceStateTable {
  tenant_id: string;
  device_id: string;
  check_in_at: Date | null;
  poll_interval_s: number | null;
  artifact_name: string | null;
  device_type: string | null;
  provides: Json<Record<string, string>> | null;
  finished_seq: Generated<number>;
  answer: string | null;
  answer_deployment: string | null;
  answer_at: Date | null;
  asked_back: Generated<boolean>;
}

/** Scope, then name, then value. */
export type Attributes = Record<string, Record<string, AttributeValue>>;
export type AttributeValue = string | number | string[];

interface InventoryTable {
  tenant_id: string;
  device_id: string;
  status: DeviceStatus;
  attributes: JsonWithDefault<Attributes>;
  device_type: ColumnType<string | null, never, never>;
  artifact_name: ColumnType<string | null, never, never>;
  group_name: string | null;
  group_since: Date | null;
  tags: JsonWithDefault<Record<string, { value: string; description?: string }>>;
  tags_rev: Generated<number>;
  time_zone: string | null;
  created_at: Stamp;
  updated_at: Stamp;
}

interface ArtifactTable {
  tenant_id: string;
  id: string;
  name: string;
  description: Generated<string>;
  object_key: string;
  size: number;
  sha256: string;
  format_version: number;
  signed: boolean;
  signed_by: string | null;
  device_types: string[];
  depends: Json<Record<string, readonly string[]>>;
  provides: Json<Record<string, string>>;
  clears_provides: Generated<string[]>;
  updates: Json<readonly StoredUpdate[]>;
  scripts: Generated<string[]>;
  created_at: Stamp;
  modified_at: Stamp;
}

/** A payload of an Artifact, as the management API shows it. */
export interface StoredUpdate {
  readonly type: string | null;
  readonly files: readonly {
    readonly name: string;
    readonly checksum: string;
    readonly size: number;
    readonly date: string;
  }[];
  readonly metadata: Record<string, unknown>;
}

/** Which devices a deployment is for. The devices of a list are in `deployment_targets`. */
export type Target =
  | { readonly kind: "all" }
  | { readonly kind: "group"; readonly group: string }
  /** `filter`: the dynamic group whose devices it had at its creation. */
  | { readonly kind: "list"; readonly filter?: TargetFilter }
  /** The devices that match, also those that match later. */
  | { readonly kind: "filter"; readonly filter: TargetFilter }
  /** Those that got this deployment. */
  | { readonly kind: "updated"; readonly deployment: string };

export type DeploymentState = "pending" | "inprogress" | "finished" | "aborted";

interface DeploymentTable {
  tenant_id: string;
  id: string;
  seq: Generated<number>;
  name: string;
  artifact_name: string;
  kind: Generated<"software" | "configuration">;
  target: Json<Target>;
  is_rollout: Generated<boolean>;
  force_installation: Generated<boolean>;
  retries: Generated<number>;
  update_control_map: Json<Record<string, unknown>> | null;
  configuration: Json<Record<string, string>> | null;
  state: Generated<DeploymentState>;
  device_count: number;
  created_by: Json<Record<string, unknown>> | null;
  created_at: Stamp;
  started_at: Date | null;
  finished_at: Date | null;
}

interface DeviceDeploymentTable {
  tenant_id: string;
  deployment_id: string;
  device_id: string;
  status: string;
  substate: string | null;
  reason: string | null;
  artifact_id: string | null;
  device_type: string | null;
  from_artifact: string | null;
  attempts: Generated<number>;
  has_log: Generated<boolean>;
  cause: string | null;
  wave: Generated<number>;
  created_at: Stamp;
  started_at: Date | null;
  changed_at: Stamp;
  finished_at: Date | null;
  deleted_at: Date | null;
}

interface DeploymentCountTable {
  tenant_id: string;
  deployment_id: string;
  status: string;
  wave: number;
  shard: number;
  n: Generated<number>;
}

interface RolloutTable {
  tenant_id: string;
  deployment_id: string;
  plan: Json<Plan>;
  memory: Json<Memory>;
  samples: JsonWithDefault<Samples>;
  seen: Generated<string>;
  rev: Generated<number>;
  door_below: Generated<number>;
  door_groups: Generated<string[]>;
  closed: string | null;
  reopens: Json<Reopening> | null;
  ended: string | null;
}

interface RolloutPlaceTable {
  tenant_id: string;
  deployment_id: string;
  shard: number;
  wave: Generated<number>;
  cap: Generated<number>;
  n: Generated<number>;
}

interface RolloutDecisionTable {
  tenant_id: string;
  deployment_id: string;
  seq: number;
  at: Date;
  code: string;
  facts: Json<Record<string, string | number>>;
  by: Json<Record<string, unknown>> | null;
}

interface DeploymentSeriesTable {
  tenant_id: string;
  deployment_id: string;
  minute: Date;
  status: string;
  shard: number;
  change: Generated<number>;
}

interface DeploymentLogTable {
  tenant_id: string;
  deployment_id: string;
  device_id: string;
  messages: Buffer;
  truncated: Generated<boolean>;
  created_at: Stamp;
}

interface DeviceConfigurationTable {
  tenant_id: string;
  device_id: string;
  configured: JsonWithDefault<Record<string, string>>;
  reported: JsonWithDefault<Record<string, string>>;
  deployment_id: string | null;
  reported_at: Date | null;
  updated_at: Stamp;
}

interface IdempotencyTable {
  tenant_id: string;
  key: string;
  request_hash: Buffer;
  status: number;
  location: string | null;
  body: string;
  created_at: Stamp;
}
