import type { Generated } from "kysely";
import type { Difference } from "../../domain/audit/difference.ts";
import type { IdentityCondition } from "../enrolment/rules.ts";
import type { Json, JsonWithDefault, Stamp } from "./column-types.ts";

/** Tables of tables.ts: what happened, who joins, and limits. */

export interface AuditTable {
  tenant_id: string;
  seq: number;
  at: Stamp;
  actor: Json<Record<string, unknown>>;
  origin: Json<Record<string, unknown>>;
  action: string;
  object: Json<Record<string, unknown>>;
  change: Generated<string>;
  difference: JsonWithDefault<Difference>;
  request_id: string | null;
  previous_hash: Buffer;
  hash: Buffer;
}

export interface AuditStreamTable {
  tenant_id: string;
  destination: string;
  seq: Generated<number>;
  failures: Generated<number>;
  due_at: Stamp;
  claimed_until: Date | null;
}

export interface OutboxTable {
  id: Generated<number>;
  tenant_id: string;
  key: string;
  type: string;
  data: Json<Record<string, unknown>>;
  created_at: Stamp;
}

export interface EventTable {
  tenant_id: string;
  id: Generated<number>;
  key: string;
  type: string;
  data: Json<Record<string, unknown>>;
  created_at: Date;
}

export interface EnrolmentRuleTable {
  tenant_id: string;
  id: string;
  name: string;
  identity: Json<readonly IdentityCondition[]>;
  networks: string[];
  created_at: Stamp;
}

export interface EnrolmentTokenTable {
  tenant_id: string;
  id: string;
  name: string;
  token_hash: Buffer;
  expires_at: Date;
  uses_max: number | null;
  uses: Generated<number>;
  revoked_at: Date | null;
  created_at: Stamp;
}

export interface DownloadLimitsTable {
  tenant_id: string;
  rev: number;
  bytes_per_second: number | null;
  site_bytes_per_second: number | null;
  ipv4_prefix: number;
  ipv6_prefix: number;
}
