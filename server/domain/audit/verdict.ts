import type { Anchor } from "./anchors.ts";
import { type AuditRecord, hashRecord, NO_HASH } from "./chain.ts";

/** A record as it is stored. */
export interface StoredRecord extends AuditRecord {
  readonly hash: Buffer;
  readonly previous_hash: Buffer;
  /** Whether its time has no more digits than the hash covers. */
  readonly isExact: boolean;
}

/**
 * How a chain is broken: the record was changed; records before it are missing or in another order; records are missing
 * from the end; or the chain holds together and yet is another one than when the anchor was made.
 */
export type Breach = "CHANGED" | "MISSING" | "CUT" | "REWRITTEN";

/** What a look at the whole chain says. */
export interface Verdict {
  readonly records: number;
  /** The hash of the last record that is as it was written, in hexadecimal. */
  readonly head: string;
  readonly broken?: {
    /** The number of the first record that is not what was written, or that is missing. */
    readonly at: number;
    readonly breach: Breach;
  };
}

/** Follows a chain from its first record on. */
export class ChainCheck {
  readonly #tenant: string;
  readonly #anchors: readonly Anchor[];
  /** The number of the last record that an anchor confirms. */
  #confirmed = 0;
  #records = 0;
  #previous: Buffer = NO_HASH;

  /** @param anchors of this tenant, in any order */
  constructor(tenant: string, anchors: readonly Anchor[]) {
    this.#tenant = tenant;
    this.#anchors = anchors;
  }

  /** How many records were as they should be. */
  get records(): number {
    return this.#records;
  }

  /** Looks at the next record. @returns a verdict if the chain is broken here, and nothing more is to be looked at */
  next(record: StoredRecord): Verdict | undefined {
    const seq = this.#records + 1;
    if (record.seq !== seq) return this.#broken(seq, "MISSING");
    if (!record.previous_hash.equals(this.#previous)) return this.#broken(seq, "CHANGED");
    if (!record.isExact || !hashRecord(this.#previous, this.#tenant, record).equals(record.hash))
      return this.#broken(seq, "CHANGED");
    const own = record.hash.toString("hex");
    const here = this.#anchors.filter((anchor) => anchor.seq === seq);
    if (here.some(({ hash }) => hash !== own)) return this.#broken(this.#confirmed + 1, "REWRITTEN");
    if (here.length > 0) this.#confirmed = seq;
    this.#previous = record.hash;
    this.#records = seq;
    return undefined;
  }

  /** The verdict after the last record. @param end what the database says of the last record, beside the records */
  end(end: Pick<Anchor, "seq" | "hash">): Verdict {
    const longest = Math.max(end.seq, ...this.#anchors.map(({ seq }) => seq));
    if (longest > this.#records) return this.#broken(this.#records + 1, "CUT");
    if (end.seq < this.#records || end.hash !== this.#head) return this.#broken(end.seq + 1, "REWRITTEN");
    return { records: this.#records, head: this.#head };
  }

  get #head(): string {
    return this.#previous.toString("hex");
  }

  #broken(at: number, breach: Breach): Verdict {
    return { records: this.#records, head: this.#head, broken: { at, breach } };
  }
}
