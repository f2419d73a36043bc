import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../canonical-json.ts";

/** The list that a cursor walks: another tenant, list or query makes it worthless. */
export interface Walked {
  readonly tenant: string;
  /** A name of our own, such as `audit`. */
  readonly list: string;
  /** Everything that chooses the rows and their order. Not what only changes how they are shown. */
  readonly query: unknown;
}

/** Where a page ended: the values by which the list is sorted, of its last row. */
export type Position = readonly (string | null)[];

/** Which rows of a sorted list to show: those after a position. Without one, the first. */
export interface Walk {
  readonly after: Position | undefined;
  readonly limit: number;
}

/** Rows of a walk, and where it goes on if there are more. */
export interface Stretch<Row> {
  readonly rows: readonly Row[];
  readonly next: Position | undefined;
}

/** The stretch in `rows`, of which a query has asked for one more than it shows. */
export function stretchOf<Row>(rows: readonly Row[], limit: number, at: (row: Row) => Position): Stretch<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? at(last) : undefined };
}

/** A position as an opaque text, which proves that it is ours. All processes of an installation have the same key. */
export function writeCursor(key: Buffer, walked: Walked, position: Position): string {
  const text = Buffer.from(JSON.stringify(position)).toString("base64url");
  return `${text}.${proofOf(key, walked, text).toString("base64url")}`;
}

/** @returns the position. `undefined`: the cursor was changed, or belongs to another list, query or tenant */
export function readCursor(key: Buffer, walked: Walked, cursor: string): Position | undefined {
  const [text = "", proof = "", ...rest] = cursor.split(".");
  // Compared as texts: the last character of base64 may have bits that no byte has.
  const wanted = Buffer.from(proofOf(key, walked, text).toString("base64url"));
  const given = Buffer.from(proof);
  if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  return JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as Position;
}

const PROOF_BYTES = 18;

/** The key also signs links: the first line tells both apart. */
const proofOf = (key: Buffer, { tenant, list, query }: Walked, text: string): Buffer =>
  createHmac("sha256", key)
    .update(`cursor\n${tenant}\n${list}\n${canonicalJson(query)}\n${text}`)
    .digest()
    .subarray(0, PROOF_BYTES);
