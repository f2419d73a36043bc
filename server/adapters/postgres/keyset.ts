import { sql as fragment, type RawBuilder } from "kysely";
import type { Position } from "../../domain/cursors/cursors.ts";

/** A value by which a walk is sorted. It is never missing. */
export interface Key {
  readonly value: RawBuilder<unknown>;
  readonly type: "text" | "timestamptz" | "bigint" | "uuid";
  readonly direction: "asc" | "desc";
}

/** The position of a row, which a cursor keeps. */
export const positionOf = (keys: readonly Key[]) =>
  fragment<Position>`ARRAY[${fragment.join(keys.map(({ value }) => fragment`(${value})::text`))}]`;

/** The condition that a row is sorted behind a position: it is behind in one key, and equal in those before. */
export function isBehind(keys: readonly Key[], position: Position): RawBuilder<boolean> {
  const at = ({ type }: Key, n: number) => fragment`${position[n] ?? null}::${fragment.raw(type)}`;
  const ways = keys.map((key, n) => {
    const equal = keys.slice(0, n).map((before, m) => fragment`${before.value} = ${at(before, m)}`);
    const behind = fragment`${key.value} ${fragment.raw(key.direction === "asc" ? ">" : "<")} ${at(key, n)}`;
    return fragment`(${fragment.join([...equal, behind], fragment` AND `)})`;
  });
  return fragment<boolean>`(${fragment.join(ways, fragment` OR `)})`;
}
