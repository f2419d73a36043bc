import { expect, test } from "vitest";
import type { Predicate } from "../../../server/domain/filters/predicate.ts";
import { parseTerms } from "../../../server/domain/filters/terms.ts";
import type {
  Facts,
  Membership,
  ReleasedArtifact,
  Row,
  RunningDeployment,
} from "../../../server/domain/selection/facts.ts";
import { select } from "../../../server/domain/selection/select.ts";

const FACTS: Facts = { artifactName: "v1", deviceType: "board-a", provides: { "rootfs-image.version": "v1" } };
const MEMBER: Membership = {
  acceptedAt: 10,
  group: "g",
  groupSince: 20,
  listedIn: new Set(["listed"]),
  device: "device",
  updatedIn: new Set(["before"]),
  finishedSeq: 0,
  known: { inventory: { site: "antwerp" } },
};
const artifact = (id: string, more: Partial<ReleasedArtifact> = {}): ReleasedArtifact => ({
  ...{ id, deviceTypes: ["board-a"], depends: {}, createdAt: 1, size: 1 },
  ...more,
});
const deployment = (id: string, more: Partial<RunningDeployment> = {}): RunningDeployment => ({
  ...{ id, seq: 1, artifactName: "v2", target: { kind: "all" }, createdAt: 100, forceInstallation: false },
  ...{ artifacts: [artifact("full")], gate: undefined, downloads: undefined },
  ...more,
});
const begun = (more: Partial<Row> = {}): Row => ({
  ...{ isFinal: false, artifact: "full", artifactName: "v1", deviceType: "board-a" },
  ...more,
});

interface Case {
  readonly title: string;
  readonly running: readonly RunningDeployment[];
  readonly facts?: Partial<Facts>;
  readonly member?: Partial<Membership>;
  readonly rows?: Readonly<Record<string, Row>>;
  /** Code, then what is offered or what the code is about, then the ends. */
  readonly expected: readonly string[];
}

const delta = artifact("delta", { depends: { "rootfs-image.version": ["v0", "v1"] } });
const atSite = (value: string): Predicate =>
  parseTerms([{ scope: "inventory", attribute: "site", type: "$eq", value }]);
const group = { kind: "group", group: "g" } as const;

const CASES: readonly Case[] = [
  { title: "nothing runs", running: [], expected: ["NOTHING_RUNNING"] },
  { title: "to all, accepted before", running: [deployment("d")], expected: ["OFFERED", "d/full"] },
  { title: "to all, accepted later", running: [deployment("d", { createdAt: 9 })], expected: ["NOT_IN_TARGET"] },
  {
    title: "to all, not accepted",
    running: [deployment("d")],
    member: { acceptedAt: undefined },
    expected: ["NOT_IN_TARGET"],
  },
  { title: "to its group", running: [deployment("d", { target: group })], expected: ["OFFERED", "d/full"] },
  {
    title: "to its group, which it joined later",
    running: [deployment("d", { target: group, createdAt: 19 })],
    expected: ["NOT_IN_TARGET"],
  },
  {
    title: "to another group",
    running: [deployment("d", { target: group })],
    member: { group: "h" },
    expected: ["NOT_IN_TARGET"],
  },
  {
    title: "named in the list",
    running: [deployment("listed", { target: { kind: "list" } })],
    expected: ["OFFERED", "listed/full"],
  },
  {
    title: "to a filter that holds, however late it came",
    running: [deployment("d", { target: { kind: "filter", predicate: atSite("antwerp") }, createdAt: 1 })],
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "to a filter that does not hold",
    running: [deployment("d", { target: { kind: "filter", predicate: atSite("ghent") } })],
    expected: ["NOT_IN_TARGET"],
  },
  {
    title: "to a filter that held when it began",
    running: [deployment("d", { target: { kind: "filter", predicate: atSite("ghent") } })],
    rows: { d: begun() },
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "to a filter that holds, not accepted",
    running: [deployment("d", { target: { kind: "filter", predicate: atSite("antwerp") } })],
    member: { acceptedAt: undefined },
    expected: ["NOT_IN_TARGET"],
  },
  { title: "not named", running: [deployment("d", { target: { kind: "list" } })], expected: ["NOT_IN_TARGET"] },
  {
    title: "a newer one is finished",
    running: [deployment("d", { seq: 4 })],
    member: { finishedSeq: 5 },
    expected: ["OLDER_THAN_FINISHED", "d"],
  },
  {
    title: "begun before a newer one was finished",
    running: [deployment("d", { seq: 4 })],
    member: { finishedSeq: 5 },
    rows: { d: begun() },
    expected: ["OFFERED", "d/full"],
  },
  { title: "ended", running: [deployment("d")], rows: { d: begun({ isFinal: true }) }, expected: ["FINISHED", "d"] },
  {
    title: "ended, and the next one",
    running: [deployment("d"), deployment("e", { seq: 2 })],
    rows: { d: begun({ isFinal: true }) },
    expected: ["OFFERED", "e/full"],
  },
  {
    title: "installed already, then the next one",
    running: [deployment("d", { artifactName: "v1" }), deployment("e", { seq: 2 })],
    expected: ["OFFERED", "e/full", "d already-installed ALREADY_INSTALLED"],
  },
  {
    title: "installed already",
    running: [deployment("d", { artifactName: "v1" })],
    expected: ["ALREADY_INSTALLED", "d", "d already-installed ALREADY_INSTALLED"],
  },
  {
    title: "installed already, by force",
    running: [deployment("d", { artifactName: "v1", forceInstallation: true })],
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "the release has no artifact left",
    running: [deployment("d", { artifacts: [] })],
    expected: ["NO_ARTIFACT", "d", "d noartifact NO_ARTIFACT"],
  },
  {
    title: "another device type",
    running: [deployment("d")],
    facts: { deviceType: "board-b" },
    expected: ["DEVICE_TYPE", "d", "d noartifact DEVICE_TYPE"],
  },
  {
    title: "depends on a value that the device does not have",
    running: [deployment("d", { artifacts: [artifact("x", { depends: { "rootfs-image.version": ["v0"] } })] })],
    expected: ["DEPENDS", "d", "d noartifact DEPENDS"],
  },
  {
    title: "depends on a key that the device does not have",
    running: [deployment("d", { artifacts: [artifact("x", { depends: { bootloader: [""] } })] })],
    expected: ["DEPENDS", "d", "d noartifact DEPENDS"],
  },
  {
    title: "depends on the name of the artifact",
    running: [deployment("d", { artifacts: [artifact("x", { depends: { artifact_name: ["v1"] } })] })],
    expected: ["OFFERED", "d/x"],
  },
  {
    title: "a delta before the whole",
    running: [deployment("d", { artifacts: [artifact("full", { createdAt: 9 }), delta] })],
    expected: ["OFFERED", "d/delta"],
  },
  {
    title: "the whole where the delta does not fit",
    running: [deployment("d", { artifacts: [delta, artifact("full")] })],
    facts: { provides: {} },
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "the newer of two",
    running: [deployment("d", { artifacts: [artifact("old"), artifact("new", { createdAt: 2 })] })],
    expected: ["OFFERED", "d/new"],
  },
  {
    title: "what it has begun, although a better one has come",
    running: [deployment("d", { artifacts: [delta, artifact("full")] })],
    rows: { d: begun() },
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "what it had begun was deleted",
    running: [deployment("d", { artifacts: [delta] })],
    rows: { d: begun() },
    expected: ["OFFERED", "d/delta"],
  },
  {
    title: "the next attempt, after a failure that left another name",
    running: [deployment("d")],
    facts: { artifactName: "v1_INCONSISTENT" },
    rows: { d: begun({ artifact: undefined }) },
    expected: ["OFFERED", "d/full"],
  },
  {
    title: "another name in the middle",
    running: [deployment("d")],
    facts: { artifactName: "v9" },
    rows: { d: begun() },
    expected: ["REQUEST_CHANGED", "d failure"],
  },
  {
    title: "another type in the middle",
    running: [deployment("d")],
    facts: { deviceType: "board-b" },
    rows: { d: begun() },
    expected: ["REQUEST_CHANGED", "d failure"],
  },
  {
    title: "the new name in the middle",
    running: [deployment("d")],
    facts: { artifactName: "v2" },
    rows: { d: begun() },
    expected: ["INSTALLED_UNREPORTED", "d success"],
  },
];

for (const { title, running, facts, member, rows = {}, expected } of CASES)
  test(`selection: ${title}`, () => {
    const answer = select({ ...FACTS, ...facts }, { ...MEMBER, ...member }, running, new Map(Object.entries(rows)));
    const about = {
      offer: () => (answer.kind === "offer" ? [`${answer.deployment.id}/${answer.artifact.id}`] : []),
      conflict: () => (answer.kind === "conflict" ? [`${answer.deployment.id} ${answer.status}`] : []),
      nothing: () => (answer.kind === "nothing" && answer.about !== undefined ? [answer.about] : []),
    }[answer.kind]();
    const ends = answer.ended.map(({ deployment: id, status, reason }) => `${id} ${status} ${reason}`);
    expect([answer.code, ...about, ...ends]).toEqual(expected);
  });
