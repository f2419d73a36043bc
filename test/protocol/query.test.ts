import { expect, test } from "vitest";
import { type Facts, holds } from "../../server/domain/filters/evaluate.ts";
import { parseTerms } from "../../server/domain/filters/terms.ts";
import { parseQuery, QueryError } from "../../src/protocol/query.ts";

const DEVICE: Facts = {
  identity: { status: "accepted", mac: "02:00:5e:10:00:01" },
  inventory: {
    site: "antwerp-north",
    ram: "512",
    artifact_name: "release-7",
    device_type: "board-1",
    name: "a b",
    url: "a:b",
  },
  tags: { owner: "lab" },
  system: { group: "beta", check_in_time: "2026-03-01T00:00:00.000Z", inconsistent: "true" },
};

for (const [query, expected] of [
  ["site:antwerp-north", true],
  ["site:antwerp", false],
  ["site:antwerp-*", true],
  ["site:*-north", true],
  ["site:b*", false],
  ["site:*", true],
  ["-site:*", false],
  ["nothing:*", false],
  ["site:brussels,antwerp-north", true],
  ["site:brussels,antwerp-*", true],
  ["site:brussels,ghent", false],
  ["ram:>500", true],
  ["ram:>=512", true],
  ["ram:<512", false],
  ["ram:<=512 group:beta", true],
  ["group:beta release:release-7 type:board-1 is:accepted", true],
  ["release:<release-10", true],
  ["release:>=7.0", true],
  ["release:<other-10", false],
  ["url:>=1.2.3", false],
  ["is:silent", false],
  ["is:inconsistent", true],
  ["group:beta release:release-8", false],
  ["group:other OR release:release-7", true],
  ["group:other release:release-7 OR ram:512", true],
  ["group:other (release:release-7 OR ram:512)", false],
  ["-(group:other OR release:release-8)", true],
  ["-group:beta", false],
  ["--group:beta", true],
  ["tags/owner:lab", true],
  ["identity/status:accepted", true],
  ["seen:>2026-02-01", true],
  ["seen:>2026-04-01", false],
  ['name:"a b"', true],
  ['name:"a \\"b"', false],
  ['name:"a *"', false],
  ["url:a:b", true],
  ["5e:10", false],
  ['"5e:10"', true],
  ["10", true],
  [".", false],
] as const)
  test(`the query ${query} ${expected ? "finds" : "does not find"} the device`, () => {
    expect(holds(parseTerms(parseQuery(query)), DEVICE)).toBe(expected);
  });

test("a query with and only is a flat list, as Mender has it", () => {
  expect(parseQuery("group:beta site:a,b")).toEqual([
    { scope: "system", attribute: "group", type: "$eq", value: "beta" },
    { scope: "inventory", attribute: "site", type: "$in", value: ["a", "b"] },
  ]);
});

for (const [query, reason] of [
  ["", "a condition is missing at the end"],
  ["a:b OR", "a condition is missing at the end"],
  ["OR a:b", "a condition is missing before OR"],
  ["()", "a condition is missing before )"],
  ["(a:b", "a ( is not closed"],
  ["a:b)", "a ) has no ("],
  ["site:", "site: has no value"],
  ["site:,", "site: has no value"],
  ["ram:>", "ram:> has no value"],
  ['site:"a', 'a " is not closed'],
] as const)
  test(`the query ${query} is refused`, () => {
    expect(() => parseQuery(query)).toThrow(QueryError);
    expect(() => parseQuery(query)).toThrow(reason);
  });
