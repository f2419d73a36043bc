import { readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { expect, test } from "vitest";

const pages = readdirSync("docs", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => join("docs", name))
  .sort();

/** Pages that a page links to. */
function linksOf(page: string): readonly string[] {
  const found = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:\s]+\.md)(?:#[^)]*)?\)/g)];
  return found.map((match) => normalize(join(page, "..", match[1] ?? "")));
}

test("every page of the documentation is two clicks away from the README", () => {
  const near = new Set(linksOf("README.md"));
  const reached = new Set([...near, ...[...near].filter((page) => page.startsWith("docs/")).flatMap(linksOf)]);
  expect(pages.length).toBeGreaterThan(20);
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});

for (const page of pages) {
  test(`${page} ends with what to read next`, () => {
    const last = readFileSync(page, "utf8").trimEnd().split("\n").at(-1) ?? "";
    expect(last).toMatch(/^Next: \[[^\]]+\]\([^)]+\)/);
  });
}
