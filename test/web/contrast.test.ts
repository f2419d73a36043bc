import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const css = await readFile("web/src/styles/tokens.css", "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name = "", light = "", dark = ""]) => [
    name,
    { light, dark },
  ]),
);

type Theme = "light" | "dark";

/** The relative luminance of WCAG 2. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(first: string, second: string, theme: Theme): number {
  const [a = "", b = ""] = [first, second].map((name) => tokens.get(name)?.[theme] ?? "");
  if (a === "" || b === "") throw new Error(`no colour ${a === "" ? first : second}`);
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** Text, and where it stands. */
const TEXT: readonly (readonly [string, readonly string[]])[] = [
  ["text", ["canvas", "surface", "sunken", "selected", "hover", "raised"]],
  ["text-2", ["canvas", "surface", "selected", "raised"]],
  ["text-3", ["canvas", "surface", "selected"]],
  ["accent", ["canvas", "surface", "accent-soft"]],
  ["bad", ["canvas", "surface", "bad-soft", "raised"]],
  ["ok", ["surface", "ok-soft"]],
  ["warn", ["surface", "warn-soft"]],
  ["lost", ["surface", "lost-soft"]],
  ["on-ink", ["ink"]],
  ["on-fill", ["bad-fill"]],
];

/** Edges of controls and fills of charts, which are no text. */
const SHAPES: readonly (readonly [string, readonly string[]])[] = [
  ["line-control", ["canvas", "surface"]],
  ["accent-fill", ["surface"]],
  ["ok-fill", ["surface"]],
  ["warn-fill", ["surface"]],
  ["bad-fill", ["surface"]],
  ["lost-fill", ["surface"]],
];

test.each(["light", "dark"] as const)(
  "text and shapes stand out enough from what is behind them, in the %s theme",
  (theme) => {
    const low = (pairs: typeof TEXT, least: number): string[] =>
      pairs.flatMap(([name, grounds]) =>
        grounds.flatMap((ground) => {
          const ratio = contrast(name, ground, theme);
          return ratio < least ? [`${name} on ${ground}: ${ratio.toFixed(2)}`] : [];
        }),
      );
    expect(tokens.size).toBeGreaterThan(25);
    expect([...low(TEXT, 4.5), ...low(SHAPES, 3)]).toEqual([]);
  },
);
