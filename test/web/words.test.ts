import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";

type Catalogue = Readonly<Record<string, string>>;
const read = async (locale: string): Promise<Catalogue> =>
  JSON.parse(await readFile(`web/src/words/${locale}.json`, "utf8"));

/** What a text takes from outside: names of values, and that it is a plural. */
const holesIn = (text: string): string[] =>
  [...text.matchAll(/\{(\w+)(?:, (plural))?/g)].map(([hole]) => hole).toSorted();

test("every language has every text, with the same values in it", async () => {
  const [english, german] = await Promise.all([read("en"), read("de")]);
  expect(Object.keys(german).toSorted()).toEqual(Object.keys(english).toSorted());
  for (const [word, text] of Object.entries(english)) {
    expect(text.trim(), word).not.toBe("");
    expect(
      holesIn(german[word] ?? "").filter((hole) => hole.startsWith("{")),
      word,
    ).toEqual(holesIn(text));
  }
});

test("every text of the catalogue is used", async () => {
  const paths = [...(await filesBelow("web/src", ".ts")), ...(await filesBelow("web/src", ".tsx"))];
  const sources = (await Promise.all(paths.map((path) => readFile(path, "utf8")))).join("\n");
  // `act.${name}`: a family of texts.
  const families = [...sources.matchAll(/`([\w.]+\.)\$\{/g)].map(([, family = ""]) => family);
  const unused = Object.keys(await read("en")).filter(
    (word) => !sources.includes(`"${word}"`) && !families.some((family) => word.startsWith(family)),
  );
  expect(unused).toEqual([]);
});
