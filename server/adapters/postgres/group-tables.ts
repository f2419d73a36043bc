import type { ColumnType } from "kysely";

type Stamp = ColumnType<Date, Date | undefined, Date>;
type Json<T> = ColumnType<T, string, string>;

/** The table of dynamic groups: see tables.ts. */
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
