import type { ColumnType, Generated } from "kysely";
import type { Plan } from "../../../src/protocol/api/rollouts.ts";

type Stamp = ColumnType<Date, Date | undefined, Date>;
type Json<T> = ColumnType<T, string, string>;
type JsonWithDefault<T> = ColumnType<T, string | undefined, string>;

/** Tables of dynamic groups and of channels of releases: see tables.ts. */
export interface FilterTable {
  tenant_id: string;
  id: string;
  name: string;
  terms: Json<readonly Record<string, unknown>[]>;
  created_at: Stamp;
  updated_at: Stamp;
}

/** A dynamic group as it was when a deployment to it was created. */
export interface TargetFilter {
  readonly id: string;
  readonly name: string;
  readonly terms: readonly Record<string, unknown>[];
}

export interface SigningKeyTable {
  tenant_id: string;
  name: string;
  algorithm: string;
  pem: string;
  fingerprint: string;
  created_at: Stamp;
}

export interface ChannelTable {
  tenant_id: string;
  name: string;
  description: Generated<string>;
  after: string | null;
  keys: string[] | null;
  approvals: Generated<number>;
  release: string | null;
  released_at: Date | null;
  created_at: Stamp;
}

/** A person who promoted or decided. */
export interface Deciding {
  readonly id: string;
  readonly email: string;
}

export interface PromotionTable {
  tenant_id: string;
  id: string;
  channel: string;
  release: string;
  state: "waiting" | "done" | "rejected" | "superseded";
  note: Generated<string>;
  by: Json<Deciding>;
  approved: JsonWithDefault<readonly Deciding[]>;
  rejected_by: Json<Deciding> | null;
  created_at: Stamp;
  decided_at: Date | null;
}

export interface ContinuousDeploymentTable {
  tenant_id: string;
  id: string;
  name: string;
  channel: string;
  filter_id: string;
  plan: Json<Plan> | null;
  retries: Generated<number>;
  by: Json<Deciding>;
  deployment_id: string | null;
  created_at: Stamp;
}
