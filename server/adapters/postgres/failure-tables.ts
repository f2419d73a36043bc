import type { Generated } from "kysely";

/** Parts of `Tables`: see tables.ts. */
export interface FailureCauseTable {
  tenant_id: string;
  deployment_id: string;
  cause: string;
  kind: string;
  signature: string;
  device_id: string;
  line: string;
}

export interface FailureCountTable {
  tenant_id: string;
  deployment_id: string;
  cause: string;
  wave: number;
  shard: number;
  n: Generated<number>;
}
