import fc from "fast-check";
import { expect, test } from "vitest";
import { factorsOf, type Traits } from "../../../../server/domain/failures/factors.ts";

const traits = (values: Readonly<Record<string, string | readonly string[]>>): Traits =>
  new Map(Object.entries(values).map(([place, value]) => [place, typeof value === "string" ? [value] : value]));
const many = (n: number, values: Readonly<Record<string, string | readonly string[]>>): Traits[] =>
  Array.from({ length: n }, () => traits(values));
const HARDWARE = "inventory/hardware";
const A = { [HARDWARE]: "A" };
const B = { [HARDWARE]: "B" };

test("the strongest factor comes with both counts", () => {
  const failed = [...many(27, { ...B, "inventory/site": "1" }), ...many(1, A)];
  const succeeded = [...many(40, B), ...many(460, { ...A, "inventory/site": "1" })];
  expect(factorsOf({ failed, succeeded, waiting: [] })).toEqual([
    {
      ...{ scope: "inventory", attribute: "hardware", value: "B" },
      ...{ failed: { have: 27, of: 28 }, succeeded: { have: 40, of: 500 } },
    },
  ]);
});

for (const [what, samples, places] of [
  ["nothing that all have", { failed: many(9, A), succeeded: many(9, A), waiting: [] }, []],
  ["nothing of a single failure", { failed: many(1, B), succeeded: many(50, A), waiting: [] }, []],
  ["nothing without a success", { failed: many(9, B), succeeded: [], waiting: many(9, A) }, []],
  [
    "nothing that half of the failed have",
    { failed: [...many(5, A), ...many(5, B)], succeeded: many(9, A), waiting: [] },
    [],
  ],
  [
    "nothing that the update changes",
    {
      failed: many(9, { ...B, "inventory/kernel": "5" }),
      succeeded: many(90, { ...A, "inventory/kernel": "6" }),
      waiting: [...many(80, { ...A, "inventory/kernel": "5" }), ...many(20, { ...B, "inventory/kernel": "5" })],
    },
    ["inventory/hardware=B"],
  ],
  [
    "the value of a list",
    {
      failed: many(9, { "inventory/modules": ["x", "y"] }),
      succeeded: many(90, { "inventory/modules": ["y"] }),
      waiting: [],
    },
    ["inventory/modules=x"],
  ],
  [
    "the stronger one first, and no more than three",
    {
      failed: many(50, { "a/1": "x", "b/2": "x", "c/3": "x", "d/4": "x" }),
      succeeded: [...many(10, { "a/1": "x" }), ...many(5, { "b/2": "x" }), ...many(2, { "c/3": "x" }), ...many(50, A)],
      waiting: [],
    },
    ["d/4=x", "c/3=x", "b/2=x"],
  ],
  [
    "of equals, the device type and the release before",
    {
      failed: many(9, { "inventory/a": "1", "inventory/artifact_name": "r1", "inventory/device_type": "t" }),
      succeeded: many(90, A),
      waiting: [],
    },
    ["inventory/device_type=t", "inventory/artifact_name=r1", "inventory/a=1"],
  ],
] as const)
  test(`factors: ${what}`, () => {
    expect(factorsOf(samples).map(({ scope, attribute, value }) => `${scope}/${attribute}=${value}`)).toEqual(places);
  });

test("a factor says what the samples hold, in whatever order they come", () => {
  const value = fc.constantFrom("A", "B", "C");
  const device = fc.record({ "x/a": value, "y/b/c": value }).map((values) => traits(values));
  const devices = fc.array(device, { maxLength: 30 });
  fc.assert(
    fc.property(devices, devices, devices, (failed, succeeded, waiting) => {
      const factors = factorsOf({ failed, succeeded, waiting });
      for (const { scope, attribute, value: wanted, ...shares } of factors) {
        const have = (all: Traits[]): number =>
          all.filter((one) => one.get(`${scope}/${attribute}`)?.includes(wanted)).length;
        expect(shares).toEqual({
          failed: { have: have(failed), of: failed.length },
          succeeded: { have: have(succeeded), of: succeeded.length },
        });
        expect(shares.failed.have / shares.failed.of).toBeGreaterThan(shares.succeeded.have / shares.succeeded.of);
      }
      expect(factorsOf({ failed: failed.toReversed(), succeeded: succeeded.toReversed(), waiting })).toEqual(factors);
    }),
  );
});
