import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { BUDGET } from "../../scripts/lib/bundle-budget.ts";

const page = await readFile("docs/dependencies.md", "utf8");
const { dependencies, devDependencies } = JSON.parse(await readFile("package.json", "utf8"));

/** Packages in the table below a heading. */
function tableOf(heading: string): readonly string[] {
  const [, chapter = ""] = page.split(`\n## ${heading}\n`);
  const [text = ""] = chapter.split("\n## ");
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}

test("the page lists each package of package.json where it belongs, and no other", () => {
  const bundled = [...tableOf("On the device"), ...tableOf("On build hosts")];
  expect(bundled.toSorted()).toEqual(Object.keys(dependencies).toSorted());
  expect(tableOf("On the device").filter((name) => !BUDGET.packages.has(name))).toEqual([]);
  const others = [...tableOf("In the server"), ...tableOf("In the console"), ...tableOf("For development")];
  expect(others.toSorted()).toEqual(Object.keys(devDependencies).toSorted());
});

test("the page names each package that may be in the bundle", () => {
  for (const name of [...BUDGET.packages, ...BUDGET.toolsPackages]) expect(page).toContain(`\`${name}\``);
});
