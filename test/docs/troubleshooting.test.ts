import { expect, test } from "vitest";
import { SYMPTOMS } from "../../scripts/docs/symptoms.ts";
import { troubleshootingPage } from "../../scripts/docs/troubleshooting-page.ts";
import { ERRORS } from "../../src/errors/catalogue.ts";

const { text } = troubleshootingPage();
const [bySymptom = "", byCode = ""] = text.split("\n## By code\n");
const codesIn = (part: string) => [...part.matchAll(/^\| \[`([A-Z_]+)`\]/gm)].map(([, code]) => code);

test("each code is in the index once, and each code of a device has its remedy at a symptom", () => {
  expect(codesIn(byCode)).toEqual(Object.keys(ERRORS).sort());
  const explained = new Set(codesIn(bySymptom));
  for (const code of ["BOOT_REVERTED", "STORE_FULL", "NOT_AUTHORIZED", "SCRIPT_FAILED"])
    expect(explained).toContain(code);
  expect(explained.size).toBe(new Set(SYMPTOMS.flatMap(({ codes }) => codes)).size);
});

test("a remedy leads to the same page from the guide as from the reference", () => {
  expect(bySymptom).toMatch(/\]\(\.\.\/reference\/[a-z-]+\.md/);
  expect(bySymptom).not.toMatch(/\]\(\.\.\/guides\//);
});
