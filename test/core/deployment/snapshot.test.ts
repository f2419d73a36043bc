import fc from "fast-check";
import { expect, test } from "vitest";
import {
  begin,
  entryState,
  formatSnapshot,
  parseSnapshot,
  placeOf,
  type Snapshot,
  salvageSnapshot,
} from "../../../src/core/deployment/snapshot.ts";
import { STATES } from "../../../src/core/deployment/table.ts";

const START = begin("standalone", "id", { name: "new", provides: {}, payloadTypes: ["rootfs-image"] });

const key = fc.oneof(fc.string(), fc.constant("__proto__"));
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

test("everything else is refused by name", () => {
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

const UNREADABLE = { name: "unknown", provides: {}, clearsProvides: [], payloadTypes: [] };
const RELEASE = { name: "v2", provides: { a: "b" }, clearsProvides: [], payloadTypes: ["module"] };
const FROM_AFAR = { version: 2, id: "d-1", mode: "managed", artifact: { ...RELEASE, extra: 1 } };
const SALVAGED: readonly (readonly [string, unknown, Partial<Snapshot>])[] = [
  ["nothing", "not JSON", { mode: "standalone", id: "unknown", state: "askRollback", artifact: UNREADABLE }],
  ["no object", [1], { mode: "standalone", id: "unknown", state: "askRollback", artifact: UNREADABLE }],
  ["an id alone", { id: "d-1" }, { mode: "managed", id: "d-1", state: "askRollback", artifact: UNREADABLE }],
  ["an update of the user", { id: "standalone", artifact: RELEASE }, { mode: "standalone", artifact: RELEASE }],
  ["an unknown state", { ...FROM_AFAR, state: "cooking" }, { state: "askRollback", artifact: RELEASE }],
  [
    "one that would be committed",
    { ...FROM_AFAR, state: "reboot", failed: false },
    { state: "askRollback", failed: true },
  ],
  ["a download", { ...FROM_AFAR, state: "download", failed: false }, { state: "download", failed: true }],
  [
    "a clean-up after a success",
    { ...FROM_AFAR, state: "cleanup", failed: false },
    { state: "cleanup", failed: false },
  ],
  ["a clean-up after who knows what", { ...FROM_AFAR, state: "cleanup" }, { state: "cleanup", failed: true }],
];
for (const [what, found, salvaged] of SALVAGED) {
  test(`of a snapshot in which can be read ${what}, the update can be given up`, () => {
    const text = typeof found === "string" ? found : JSON.stringify(found);
    const snapshot = salvageSnapshot(text);
    expect(snapshot).toMatchObject(salvaged);
    expect(parseSnapshot(formatSnapshot(snapshot))).toEqual(snapshot);
  });
}

test("any content can be given up", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.record({ id: fc.json(), artifact: fc.anything() }).map(JSON.stringify)),
      (text) => {
        expect(parseSnapshot(formatSnapshot(salvageSnapshot(text)))).toMatchObject({ failed: expect.any(Boolean) });
      },
    ),
  );
});

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
