import type { ColumnType } from "kysely";

/** A column that the database fills with the present time. */
export type Stamp = ColumnType<Date, Date | undefined, Date>;
/** A jsonb column: written as text, read as a value. */
export type Json<T> = ColumnType<T, string, string>;
export type JsonWithDefault<T> = ColumnType<T, string | undefined, string>;
