import { z } from "zod";
import { Id } from "./common.ts";
import { Line } from "./text.ts";

/** Where a value stands. */
export interface TermPlace {
  readonly scope: string;
  readonly attribute: string;
}

/** A condition of Mender, or terms that `all`, `any` or `not` join. They can be nested. */
export type Term =
  | (TermPlace & { readonly type: string; readonly value: unknown })
  | { readonly all: readonly Term[] }
  | { readonly any: readonly Term[] }
  | { readonly not: Term };

const Name = z.string().min(1).max(1024);

/** Of the two kinds of terms, only the members of the outermost one are described: they can be nested. */
const TermBody = z.object({
  scope: Name.optional(),
  attribute: Name.optional(),
  type: z.string().max(16).optional(),
  value: z.unknown().optional(),
  /** In place of a condition: terms that all must hold. */
  all: z.array(z.unknown()).max(100).optional(),
  /** In place of a condition: terms of which one must hold. */
  any: z.array(z.unknown()).max(100).optional(),
  /** In place of a condition: a term that must not hold. */
  not: z.unknown().optional(),
});

/** Terms that all must hold. */
export const Terms = z.array(TermBody).max(100);

export const FilterName = Line.min(1);

export const NewFilter = z.object({ name: FilterName, terms: Terms.min(1) });
export type NewFilter = z.infer<typeof NewFilter>;

/** A dynamic group: a name for the devices that match now. */
export const Filter = z.object({ id: Id, name: z.string(), terms: z.array(z.record(z.string(), z.unknown())) });
export type Filter = z.infer<typeof Filter>;

export const FilterCount = z.object({
  count: z.int(),
  /** Whether each device was counted. If not, the count is an estimate from a sample of devices. */
  exact: z.boolean(),
});
export type FilterCount = z.infer<typeof FilterCount>;
