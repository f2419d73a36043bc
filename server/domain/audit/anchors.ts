/**
 * The end of a tenant's audit log at some time, kept outside of the database: whoever cuts records off or writes the
 * chain anew cannot change it.
 */
export interface Anchor {
  readonly tenant: string;
  readonly seq: number;
  /** The hash of the record with this number, in hexadecimal. */
  readonly hash: string;
}

/** How an anchor begins. */
export const ANCHOR_WORD = "switchback-audit:";

/** An anchor in one word, which is found again in logs, backups and letters. */
export const anchorText = ({ tenant, seq, hash }: Anchor): string => `${ANCHOR_WORD}${tenant}:${seq}:${hash}`;

const ANCHOR = /switchback-audit:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,15}):([0-9a-f]{64})(?![0-9a-f])/g;

/** The longest anchor in characters. */
export const ANCHOR_MAX = ANCHOR_WORD.length + 36 + 1 + 15 + 1 + 64;

/** All anchors in a text. */
export const anchorsIn = (text: string): readonly Anchor[] =>
  [...text.matchAll(ANCHOR)].map(([, tenant = "", seq = "", hash = ""]) => ({ tenant, seq: Number(seq), hash }));
