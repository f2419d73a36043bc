import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compilePredicate, type Expected, FACTS, startParameters } from "../../server/adapters/postgres/filter-sql.ts";
import type { Session } from "../../server/adapters/postgres/postgres.ts";
import { factsOf, type InventoryOfDevice } from "../../server/domain/filters/device-facts.ts";
import { type Facts, holds } from "../../server/domain/filters/evaluate.ts";
import { compilePattern } from "../../server/domain/filters/match-pattern.ts";
import { PatternError } from "../../server/domain/filters/pattern.ts";
import { type Condition, FilterError, type Predicate, parseConditions } from "../../server/domain/filters/predicate.ts";
import { parseTerms } from "../../server/domain/filters/terms.ts";
import { versionIn } from "../../server/domain/filters/versions.ts";
import type { Term } from "../../src/protocol/api/filters.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEVICES = 60;
const text = fc.constantFrom(
  ...[
    "os-4.12.0",
    "os-4.12.0-rc1",
    "v4.12",
    "4.12.0-2",
    "4.9.10+b",
    "éà-4.2~a",
    "os-4.010.00",
    "x-1-2",
    "B-4.12.0-RC2",
  ],
  ...["5", "5.0", "05", "-1", "10", "9", "1e3", "", "a", "ab", "B", "é", "😀", "x.y", "1234567890123456"],
);
const number = fc.constantFrom(5, 10, 9, -1, 0.5, 1e21, 1e-7, 0.1 + 0.2, 1234567890123456);
const scalar = fc.oneof(text, number);
const attribute = fc.constantFrom("artifact_name", "a", "b", "c", "__proto__", "with space", 'quo"te', "a'b");
const stored = fc.dictionary(attribute, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), {
  maxKeys: 5,
  noNullPrototype: true,
});

/** Patterns in our syntax, from pieces that meet the texts above. */
const pattern = fc
  .array(
    fc.constantFrom(
      ...[
        "a",
        "b",
        "5",
        ".",
        "^",
        "$",
        "[a-c]",
        "[^a]",
        "\\d",
        "\\.",
        "(a|b)",
        "(?:5|)",
        "x*",
        ".+",
        "[0-9]{1,3}",
        "😀",
        "é?",
      ],
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(""));

const place = fc.oneof(
  fc.record({ scope: fc.constantFrom("inventory", "identity", "monitor", "nowhere"), attribute }),
  fc.constantFrom({ scope: "identity", attribute: "status" }, { scope: "system", attribute: "group" }),
  fc.record({ scope: fc.constant("tags"), attribute: fc.constantFrom("a", "b") }),
  fc.record({
    scope: fc.constant("system"),
    attribute: fc.constantFrom("created_ts", "updated_ts", "check_in_time", "nothing", "silent", "inconsistent"),
  }),
);
/** Around the instants that devices have, and exactly some of them. */
const instant = fc.constantFrom("2025-01-01T00:00:00.000Z", "2025-01-01T00:00:00.250Z", "2025-06-01", "2");
const condition = fc.oneof(
  fc.record({
    type: fc.constantFrom("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$ltne"),
    value: fc.oneof(scalar, instant, fc.constantFrom("accepted", "g1", "true")),
  }),
  fc.record({ type: fc.constantFrom("$in", "$nin"), value: fc.array(scalar, { maxLength: 12 }) }),
  fc.record({ type: fc.constant("$exists"), value: fc.boolean() }),
  fc.record({ type: fc.constant("$regex"), value: pattern }),
  fc.record({
    type: fc.constantFrom("$vergt", "$vergte", "$verlt", "$verlte"),
    value: fc.constantFrom("4.12.0", "os-4.12", "4.12.0-rc1", "4.9", "5", "éà-4.10"),
  }),
);
const leaf = fc.tuple(place, condition).map(([at, is]): Condition => ({ ...at, ...is }));
/** As the API has them. */
const term = fc.letrec<{ node: Term }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.record({ any: fc.array(tie("node"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ all: fc.array(tie("node"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("node") }),
  ),
})).node;
const predicate = fc.array(term, { maxLength: 2 }).map(parseTerms);

let server: TestServer;
const facts = new Map<string, Facts>();
beforeAll(async () => {
  server = await startTestServer();
  const values = fc.sample(
    fc.tuple(
      ...[stored, stored],
      fc.constantFrom(null, "g1", "g2"),
      fc.constantFrom({}, { a: "5" }, { b: "x.y" }),
      fc.constantFrom(0, 250_000, 250_999, 1_999),
    ),
    {
      numRuns: DEVICES,
      seed: 1,
    },
  );
  for (const [inventory, monitor, group, tags, microseconds] of values) {
    const { device } = await makeDevice(server, "accepted", { c: "5", sn: randomUUID() });
    await inTenant((session) =>
      session.raw(
        `UPDATE inventory SET group_name = $2, tags = $3, created_at = '2025-01-01T00:00:00Z'::timestamptz
            + $6 * interval '1 microsecond',
          attributes = attributes || jsonb_build_object('inventory', $4::jsonb, 'monitor', $5::jsonb) WHERE device_id = $1`,
        [
          ...[
            device,
            group,
            JSON.stringify(Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, { value }]))),
          ],
          ...[JSON.stringify(inventory), JSON.stringify(monitor), microseconds],
        ],
      ),
    );
    if (group !== null)
      await inTenant((session) =>
        session.raw(
          `UPDATE device_state SET check_in_at = '2025-01-01T00:00:00.25Z', poll_interval_s = $2, artifact_name = $3
            WHERE device_id = $1`,
          group === "g1" ? [device, 1800, "a"] : [device, null, "a_INCONSISTENT"],
        ),
      );
  }
  const rows = await inTenant((session) =>
    session.raw<InventoryOfDevice & { device_id: string } & Record<string, unknown>>(
      `SELECT i.device_id, ${FACTS} FROM inventory i LEFT JOIN device_state c ON c.device_id = i.device_id`,
    ),
  );
  for (const row of rows) facts.set(row.device_id, factsOf(row));
});
afterAll(() => server.close());

const inTenant = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
  server.server.services.postgres.inTenant(server.tenant.id, work);

async function foundInPostgres(wanted: Predicate, expected: Expected): Promise<string[]> {
  const parameters = startParameters([server.tenant.id]);
  const where = compilePredicate(wanted, parameters, expected);
  const rows = await inTenant((session) =>
    session.raw<{ device_id: string }>(
      `SELECT i.device_id FROM inventory i JOIN devices d ON d.id = i.device_id
        LEFT JOIN device_state c ON c.tenant_id = $1 AND c.device_id = i.device_id
        WHERE i.tenant_id = $1 AND ${where}`,
      parameters.values,
    ),
  );
  return rows.map(({ device_id }) => device_id).toSorted();
}

const foundInMemory = (wanted: Predicate): string[] =>
  [...facts].flatMap(([device, known]) => (holds(wanted, known) ? [device] : [])).toSorted();

test("PostgreSQL finds the devices that the same predicate holds for in memory", async () => {
  let some = 0;
  await fc.assert(
    fc.asyncProperty(predicate, async (wanted) => {
      const expected = foundInMemory(wanted);
      if (expected.length > 0 && expected.length < DEVICES) some += 1;
      for (const size of ["few", "many"] as const) expect(await foundInPostgres(wanted, size)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
  // Most predicates mean all devices or none. Enough must tell them apart.
  expect(some).toBeGreaterThan(50);
});

for (const [title, condition, known, expected] of [
  ["a text that is a number equals the number", ["$eq", 5], "5", true],
  ["numbers compare as numbers", ["$gt", "9"], "10", true],
  ["texts compare as texts", ["$gt", "a9"], "a10", false],
  ["a text is not greater than a number", ["$gt", 9], "abc", false],
  ["one element of a list is enough", ["$eq", "b"], ["a", "b"], true],
  ["$ne asks that no element is equal", ["$ne", "b"], ["a", "b"], false],
  ["$ne holds for a missing attribute", ["$ne", "b"], undefined, true],
  ["$nin holds for a missing attribute", ["$nin", ["b"]], undefined, true],
  ["$lt does not hold for a missing attribute", ["$lt", 9], undefined, false],
  ["$ltne is less than", ["$ltne", 9], 9, false],
  ["$exists: false", ["$exists", false], undefined, true],
  ["$regex is found anywhere", ["$regex", "b.d"], "abcde", true],
] as const)
  test(title, () => {
    const [type, value] = condition;
    const inventory = known === undefined ? {} : { a: known };
    expect(holds(parseConditions([{ scope: "inventory", attribute: "a", type, value }]), { inventory })).toBe(expected);
  });

test("versions sort as people sort them", () => {
  const sorted = [
    ...["4.9", "v4.9.1", "4.10.0-alpha.2", "4.10.0-beta", "4.10.0-rc2", "4.10.0-rc10", "os-4.10", "4.10.0-1"],
    ...["4.10.1~dev", "4.10.1", "4.10.9", "2024.01.9", "2024.1.10", "20240601123000"],
  ];
  const keys = sorted.map((text) => Buffer.from(versionIn(text)?.key ?? ""));
  expect([...keys].sort(Buffer.compare)).toEqual(keys);
  expect(versionIn("charger-os-4.12.0")).toEqual({ ...versionIn("4.12+build.7"), prefix: "charger-os" });
  for (const text of ["", "os", "board3", "1234567890123456789"]) expect(versionIn(text)).toBeUndefined();
});

for (const [stored, type, wanted, expected] of [
  ["charger-os-4.9.2", "$verlt", "4.12.0", true],
  ["charger-os-4.12.0-rc1", "$verlt", "4.12.0", true],
  ["charger-os-4.12", "$vergte", "charger-os-4.12.0", true],
  ["gateway-os-4.11", "$verlt", "charger-os-4.12.0", false],
  ["no version", "$verlt", "4.12.0", false],
] as const)
  test(`${stored} ${type} ${wanted} is ${expected}`, () => {
    const condition = { scope: "inventory", attribute: "a", type, value: wanted };
    expect(holds(parseConditions([condition]), { inventory: { a: stored } })).toBe(expected);
  });

test("a pattern that makes others backtrack for ever is done at once", () => {
  const { matches } = compilePattern("^(a+)+$");
  expect(matches(`${"a".repeat(50_000)}!`)).toBe(false);
  expect(matches("a".repeat(1000))).toBe(true);
});

for (const [pattern, reason] of [
  ["(", "a group is not closed"],
  [")", "a ) has no ("],
  ["[a", "a bracket is not closed"],
  ["[]", "a bracket is empty"],
  ["[b-a]", "a range in brackets ends before its begin"],
  ["*", "there is nothing to repeat before *"],
  ["a**", "a repetition follows another"],
  ["^*", "an anchor cannot be repeated"],
  ["a{2,1}", "its end is not before its begin"],
  ["a{999}", "a repetition counts from 0 to 255"],
  ["((a{200}){200}){200}", "the expression repeats too much"],
  ["(?=a)", "look-around"],
  ["\\1", "is not known here"],
  ["\\", "ends with a backslash"],
  ["(".repeat(40), "nested too deep"],
  ["a".repeat(257), "more than 256 characters"],
] as const)
  test(`the pattern ${pattern.slice(0, 30)} is refused`, () => {
    expect(() => compilePattern(pattern)).toThrow(PatternError);
    expect(() => compilePattern(pattern)).toThrow(reason);
  });

const nested = (depth: number): unknown =>
  depth === 0 ? { scope: "a", attribute: "b", type: "$eq", value: 1 } : { not: nested(depth - 1) };
const conditions = (n: number): unknown[] => Array.from({ length: n }, () => nested(0));

for (const [title, terms, reason] of [
  ["that is no object", [5], "[0] is not a term"],
  ["that is empty", [{}], "must be a condition or have one of all, any and not"],
  ["that is two things", [{ all: conditions(1), any: conditions(1) }], "must be a condition or have one of"],
  ["that is a condition and more", [{ scope: "a", not: nested(0) }], "must be a condition or have one of"],
  ["without parts", [{ any: [] }], "[0].any is not a list of terms"],
  ["that joins no terms", [{ any: "x" }], "[0].any is not a list of terms"],
  ["with a mistake in its depth", [{ all: [nested(0), { not: null }] }], "[0].all[1].not is not a term"],
  ["without a scope", [{ attribute: "a", type: "$eq", value: 1 }], "[0] names no scope"],
  ["without an operator", [{ scope: "a", attribute: "a", value: 1 }], "[0] has no operator"],
  ["that is too deep", [nested(8)], "nested deeper than 8"],
  ["with too many conditions", [{ any: conditions(51) }, { all: conditions(50) }], "more than 100 conditions"],
  ["that is too long", [{ scope: "a", attribute: "a", type: "$eq", value: "a".repeat(65_536) }], "more than 65536"],
] as const)
  test(`a term ${title} is refused`, () => {
    expect(() => parseTerms(terms)).toThrow(FilterError);
    expect(() => parseTerms(terms)).toThrow(reason);
  });

test("a flat list means what Mender means by it", () => {
  const list = [{ scope: "inventory", attribute: "a", type: "$ne", value: "b" }];
  expect(parseTerms(list)).toEqual(parseConditions(list));
});

test("a condition that means nothing is refused", () => {
  for (const [type, value] of [
    ["$like", "a"],
    ["__proto__", "a"],
    ["constructor", "a"],
    ["$eq", ["a"]],
    ["$eq", null],
    ["$gt", {}],
    ["$in", "a"],
    ["$in", Array.from({ length: 501 }, () => "a")],
    ["$exists", "true"],
    ["$regex", 5],
    ["$verlt", "newest"],
    ["$verlt", 4.12],
  ] as const)
    expect(() => parseConditions([{ scope: "inventory", attribute: "a", type, value }])).toThrow(FilterError);
});
