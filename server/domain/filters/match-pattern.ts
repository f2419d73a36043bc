import { type Node, type Pattern, PatternError, parsePattern } from "./pattern.ts";

/** How many steps a pattern may have after its repetitions are written out. */
const STEPS_MAX = 2000;

type Step =
  | { readonly do: "take"; readonly node: Node }
  | { readonly do: "check"; readonly at: "start" | "end" }
  | { do: "split"; left: number; right: number }
  | { readonly do: "done" };

/** Compiles a pattern. @throws {PatternError} */
export function compilePattern(text: string): Pattern {
  const root = parsePattern(text);
  const steps: Step[] = [];
  write(root, steps);
  steps.push({ do: "done" });
  return { postgres: printed(root), matches: (input) => simulate(steps, input) };
}

/** Appends the steps of a node. They continue with the step after their last. */
function write(node: Node, steps: Step[]): void {
  if (steps.length > STEPS_MAX) throw new PatternError("the expression repeats too much");
  switch (node.is) {
    case "sequence":
      for (const part of node.of) write(part, steps);
      return;
    case "choice":
      writeChoice(node.of, steps);
      return;
    case "repeat":
      writeRepeat(node.of, node.min, node.max, steps);
      return;
    case "start":
    case "end":
      steps.push({ do: "check", at: node.is });
      return;
    default:
      steps.push({ do: "take", node });
  }
}

function writeChoice(branches: readonly Node[], steps: Step[]): void {
  const ends: { left: number; right: number }[] = [];
  for (const [n, branch] of branches.entries()) {
    if (n === branches.length - 1) {
      write(branch, steps);
      continue;
    }
    const split = { do: "split" as const, left: steps.length + 1, right: 0 };
    steps.push(split);
    write(branch, steps);
    const end = { do: "split" as const, left: 0, right: 0 };
    steps.push(end);
    ends.push(end);
    split.right = steps.length;
  }
  for (const end of ends) {
    end.left = steps.length;
    end.right = steps.length;
  }
}

function writeRepeat(node: Node, min: number, max: number, steps: Step[]): void {
  for (let n = 0; n < min; n += 1) write(node, steps);
  const splits: { left: number; right: number }[] = [];
  const optional = max === Number.POSITIVE_INFINITY ? 1 : max - min;
  for (let n = 0; n < optional; n += 1) {
    const here = steps.length;
    const split = { do: "split" as const, left: here + 1, right: 0 };
    steps.push(split);
    write(node, steps);
    if (max === Number.POSITIVE_INFINITY) steps.push({ do: "split", left: here, right: here });
    splits.push(split);
  }
  for (const split of splits) split.right = steps.length;
}

/** Follows all ways through the steps at once: a character at a time, and no step twice for a character. */
function simulate(steps: readonly Step[], text: string): boolean {
  const input = [...text];
  let current: number[] = [];
  for (let at = 0; at <= input.length; at += 1) {
    const reached = new Set<number>();
    const isDone = follow(steps, [0, ...current], reached, at === 0, at === input.length);
    if (isDone) return true;
    const code = input[at]?.codePointAt(0);
    if (code === undefined) return false;
    current = [...reached].filter((n) => takes(steps[n], code)).map((n) => n + 1);
  }
  return false;
}

function follow(
  steps: readonly Step[],
  from: readonly number[],
  reached: Set<number>,
  isStart: boolean,
  isEnd: boolean,
): boolean {
  const open = [...from];
  for (let n = open.pop(); n !== undefined; n = open.pop()) {
    if (reached.has(n)) continue;
    reached.add(n);
    const step = steps[n];
    if (step?.do === "done") return true;
    if (step?.do === "split") open.push(step.left, step.right);
    if (step?.do === "check" && (step.at === "start" ? isStart : isEnd)) open.push(n + 1);
  }
  return false;
}

function takes(step: Step | undefined, code: number): boolean {
  if (step?.do !== "take") return false;
  if (step.node.is !== "set") return true;
  return step.node.ranges.some(([from, to]) => code >= from && code <= to) !== step.node.negated;
}

function printed(node: Node): string {
  switch (node.is) {
    case "any":
      return ".";
    case "start":
      return "^";
    case "end":
      return "$";
    case "set":
      return `[${node.negated ? "^" : ""}${node.ranges.map(([from, to]) => `${code(from)}-${code(to)}`).join("")}]`;
    case "sequence":
      return node.of.map((part) => (part.is === "choice" ? `(?:${printed(part)})` : printed(part))).join("");
    case "choice":
      return node.of.map(printed).join("|");
    case "repeat":
      return `(?:${printed(node.of)}){${node.min},${node.max === Number.POSITIVE_INFINITY ? "" : node.max}}`;
  }
}

const code = (point: number): string =>
  point > 0xffff ? `\\U${point.toString(16).padStart(8, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`;
