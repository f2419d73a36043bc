/**
 * Regular expressions of a filter: the part of the usual syntax that a matcher without backtracking can do. So no
 * pattern takes more time than its length times that of the text, here or in PostgreSQL.
 */
export interface Pattern {
  /** The same pattern for PostgreSQL, with each character as an escape: nothing in it depends on a dialect. */
  readonly postgres: string;
  matches(text: string): boolean;
}

export class PatternError extends Error {}

type Range = readonly [from: number, to: number];
export type Node =
  | { readonly is: "set"; readonly negated: boolean; readonly ranges: readonly Range[] }
  | { readonly is: "any" | "start" | "end" }
  | { readonly is: "sequence" | "choice"; readonly of: readonly Node[] }
  | { readonly is: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

const LENGTH_MAX = 256;
const REPEAT_MAX = 255;
const MAX = Number.POSITIVE_INFINITY;

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: [[0x30, 0x39]],
  w: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ],
  s: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
};
const CONTROLS: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c, v: 0x0b };

/** @throws {PatternError} with a sentence for the person who wrote it */
export function parsePattern(text: string): Node {
  const input = [...text];
  if (input.length > LENGTH_MAX) throw new PatternError(`the expression has more than ${LENGTH_MAX} characters`);
  let at = 0;
  let depth = 0;
  const next = (): string | undefined => input[at];
  const take = (wanted: string): boolean => {
    if (input[at] !== wanted) return false;
    at += 1;
    return true;
  };

  function choice(): Node {
    depth += 1;
    if (depth > 32) throw new PatternError("the groups are nested too deep");
    const branches = [sequence()];
    while (take("|")) branches.push(sequence());
    depth -= 1;
    return branches.length === 1 && branches[0] !== undefined ? branches[0] : { is: "choice", of: branches };
  }

  function sequence(): Node {
    const parts: Node[] = [];
    while (at < input.length && next() !== "|" && next() !== ")") parts.push(quantified());
    return { is: "sequence", of: parts };
  }

  function quantified(): Node {
    const node = atom();
    const bounds = quantifier();
    if (bounds === undefined) return node;
    if (node.is === "start" || node.is === "end") throw new PatternError("an anchor cannot be repeated");
    // Lazy or not, the same texts match.
    take("?");
    if (quantifier() !== undefined) throw new PatternError("a repetition follows another");
    return { is: "repeat", of: node, ...bounds };
  }

  function quantifier(): { readonly min: number; readonly max: number } | undefined {
    if (take("*")) return { min: 0, max: MAX };
    if (take("+")) return { min: 1, max: MAX };
    if (take("?")) return { min: 0, max: 1 };
    const found = /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(input.slice(at, at + 9).join(""));
    if (found === null) return undefined;
    at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === undefined ? MAX : Number(found[3]);
    if (min > REPEAT_MAX || (max !== MAX && max > REPEAT_MAX) || max < min || max === 0)
      throw new PatternError(`a repetition counts from 0 to ${REPEAT_MAX}, and its end is not before its begin`);
    return { min, max };
  }

  function atom(): Node {
    const character = input[at] ?? "";
    at += 1;
    if (character === "^") return { is: "start" };
    if (character === "$") return { is: "end" };
    if (character === ".") return { is: "any" };
    if (character === "[") return bracket();
    if (character === "(") return group();
    if (character === "\\") return escaped();
    if ("*+?{".includes(character)) throw new PatternError(`there is nothing to repeat before ${character}`);
    return one(character.codePointAt(0) ?? 0);
  }

  function group(): Node {
    if (take("?") && !take(":")) throw new PatternError("look-around, names and flags in groups are not known here");
    const inner = choice();
    if (!take(")")) throw new PatternError("a group is not closed");
    return { is: "sequence", of: [inner] };
  }

  function escaped(): Node {
    const character = next();
    if (character === undefined) throw new PatternError("the expression ends with a backslash");
    const ranges = CLASSES[character.toLowerCase()];
    if (ranges === undefined) return one(escapedCharacter());
    at += 1;
    return { is: "set", negated: character !== character.toLowerCase(), ranges };
  }

  function escapedCharacter(): number {
    const character = next() ?? "";
    at += 1;
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    if (/^[A-Za-z0-9]?$/.test(character)) throw new PatternError(`\\${character} is not known here`);
    return character.codePointAt(0) ?? 0;
  }

  function bracket(): Node {
    const negated = take("^");
    const ranges: Range[] = [];
    while (!take("]")) {
      if (at >= input.length) throw new PatternError("a bracket is not closed");
      const known = next() === "\\" ? CLASSES[input[at + 1] ?? ""] : undefined;
      if (known !== undefined) {
        at += 2;
        ranges.push(...known);
        continue;
      }
      const from = member();
      const isRange = next() === "-" && input[at + 1] !== "]" && at + 1 < input.length;
      if (isRange) at += 1;
      const to = isRange ? member() : from;
      if (to < from) throw new PatternError("a range in brackets ends before its begin");
      ranges.push([from, to]);
    }
    if (ranges.length === 0) throw new PatternError("a bracket is empty");
    return { is: "set", negated, ranges };
  }

  function member(): number {
    if (take("\\")) return escapedCharacter();
    const character = next() ?? "";
    at += 1;
    return character.codePointAt(0) ?? 0;
  }

  const root = choice();
  if (at < input.length) throw new PatternError("a ) has no (");
  return root;
}

const one = (code: number): Node => ({ is: "set", negated: false, ranges: [[code, code]] });
