import { isSoundText } from "../../util/sound-text.ts";

/** Attributes that a script prints: each key with its value, or with several if the script repeats the key. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

/** A line that is not `key=value` in UTF-8. */
export interface OddLine {
  readonly line: string;
}

/**
 * Parses lines `key=value`, split at the first `=`, up to the first line that is invalid or not UTF-8.
 */
export function parseAttributes(output: string): { readonly attributes: Attributes; readonly odd?: OddLine } {
  const attributes = new Map<string, string[]>();
  for (const line of output.split("\n").map((each) => each.replace(/\r$/, ""))) {
    if (line === "") continue;
    const at = line.indexOf("=");
    if (at < 1 || !isSoundText(line)) return { attributes, odd: { line: line.slice(0, 100) } };
    add(attributes, line.slice(0, at), [line.slice(at + 1)]);
  }
  return { attributes };
}

/** Merges attributes as if one script had printed them all. */
export function mergeAttributes(all: readonly Attributes[]): Attributes {
  const merged = new Map<string, string[]>();
  for (const attributes of all) for (const [key, values] of attributes) add(merged, key, values);
  return merged;
}

function add(to: Map<string, string[]>, key: string, values: readonly string[]): void {
  const known = to.get(key);
  if (known === undefined) to.set(key, [...values]);
  else known.push(...values);
}

/** Sorted by the bytes of the key, so that the same attributes always give the same text. */
export const sortedAttributes = (attributes: Attributes): readonly (readonly [string, string | readonly string[]])[] =>
  [...attributes]
    .map(([key, values]) => [key, values.length === 1 ? (values[0] ?? "") : values] as const)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
