import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { replaceSection } from "../../scripts/lib/crash-section.ts";
import { wavesSection } from "../../scripts/lib/waves-section.ts";

test("a run becomes a section of the page, with lists that Markdown knows as such", () => {
  const section = wavesSection(
    { devices: 10_000, lines: ["Good:", "- opened", "- passed", "", "Bad:", "- halted"] },
    "today",
  );
  expect(section.split("\n").slice(1, -1)).toEqual([
    ...["", "Measured today, with 10,000 simulated devices in the process of the server.", ""],
    ...["Good:", "", "- opened", "- passed", "", "Bad:", "", "- halted", ""],
  ]);
  const page = replaceSection(readFileSync("docs/reliability.md", "utf8"), section);
  expect(page).toContain("- passed\n");
});
