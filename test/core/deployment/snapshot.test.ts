import fc from "fast-check";
import { expect, test } from "vitest";
import {
  begin,
  entryState,
  formatSnapshot,
  parseSnapshot,
  placeOf,
  type Snapshot,
} from "../../../src/core/deployment/snapshot.ts";
import { STATES } from "../../../src/core/deployment/table.ts";

const START = begin("standalone", "id", { name: "new", provides: {}, payloadTypes: ["rootfs-image"] });

const key = fc.string().filter((text) => text !== "__proto__");
const snapshots: fc.Arbitrary<Snapshot> = fc
  .record({
    id: fc.string(),
    mode: fc.constantFrom("standalone" as const, "managed" as const),
    state: fc.constantFrom(...STATES),
    phase: fc.constantFrom("before" as const, "main" as const),
    transitions: fc.nat(),
    failed: fc.boolean(),
    inconsistent: fc.boolean(),
    rolledBack: fc.boolean(),
    artifact: fc.record(
      {
        name: fc.string({ minLength: 1 }),
        group: fc.string(),
        provides: fc.dictionary(key, fc.string(), { noNullPrototype: true }),
        clearsProvides: fc.array(fc.string()),
        payloadTypes: fc.array(fc.option(fc.string())),
      },
      { requiredKeys: ["name", "provides", "payloadTypes"] },
    ),
  })
  .map((rest) => ({ version: 1, ...rest }) as Snapshot);

test("a snapshot comes back as it was written", () => {
  fc.assert(
    fc.property(snapshots, (s) => {
      expect(parseSnapshot(formatSnapshot(s))).toEqual(s);
    }),
  );
});

test("whatever else is found is refused by name", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(() => parseSnapshot(text)).toThrow(expect.objectContaining({ code: "SNAPSHOT_INVALID" }));
    }),
  );
});

const DAMAGED: readonly (readonly [string, object])[] = [
  ["of a newer version", { version: 2 }],
  ["in a state that does not exist", { state: "cooking" }],
  ["with a negative count", { transitions: -1 }],
  ["without the payloads", { artifact: { ...START.artifact, payloadTypes: undefined } }],
  ["with half a download", { download: { uri: "http://server/a" } }],
  ["without a name", { artifact: { ...START.artifact, name: "" } }],
];
for (const [title, change] of DAMAGED) {
  test(`a snapshot ${title} is refused`, () => {
    const text = JSON.stringify({ ...START, ...change });
    expect(() => parseSnapshot(text)).toThrow(expect.objectContaining({ code: "SNAPSHOT_INVALID" }));
  });
}

test("a new update begins with its download and nothing behind it", () => {
  const { state, phase, transitions, failed, inconsistent, rolledBack } = START;
  expect({ state, phase, transitions, failed, inconsistent, rolledBack }).toEqual({
    ...{ state: "download", phase: "main", transitions: 0, failed: false, inconsistent: false, rolledBack: false },
  });
});

test("a command enters by the place of the pending update", () => {
  const rest: Snapshot = { ...START, state: "commit", phase: "before" };
  expect([placeOf(rest), placeOf(START)]).toEqual(["@commit", "download"]);
  expect([entryState("commit", rest), entryState("rollback", rest)]).toEqual(["commit", "askRollback"]);
  expect(entryState("commit", { ...rest, phase: "main" })).toBe("resume");
  expect(entryState("rollback", START)).toBeUndefined();
});
