import { expect, test } from "vitest";
import { createDeploymentLog } from "../../../src/core/deployment/deployment-log.ts";
import type { Effect, Effects } from "../../../src/core/deployment/driver-parts.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { createManaged } from "../../../src/core/deployment/managed.ts";
import { begin, formatSnapshot, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, type Outcome, TABLE } from "../../../src/core/deployment/table.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const signal = new AbortController().signal;
const ARTIFACT = { name: "v2", provides: {}, payloadTypes: ["module"] };
const DEPLOYMENT = { id: "d-1", uri: "http://server/v2.mender", artifactName: "v2" };
const DOWNLOAD = { uri: DEPLOYMENT.uri, lengthBytes: 8, resumes: 0 };

interface Rig {
  readonly found?: Partial<Snapshot>;
  readonly outcomes?: Partial<Record<EffectName, Outcome | AgentError>>;
  readonly fullDisk?: true;
  /** The failures of the pending rollback, one for each attempt; after them it succeeds. */
  readonly undoFails?: readonly Error[];
}

function rig({ found, outcomes = {}, fullDisk, undoFails = [] }: Rig = {}) {
  const disk = new Map<string, string>();
  if (found !== undefined) disk.set("state", formatSnapshot({ ...begin("managed", "d-0", ARTIFACT), ...found }));
  const ran: string[] = [];
  const seen: Snapshot[] = [];
  const logs = new Map<string, string>();
  const effect =
    (name: EffectName): Effect =>
    async (s) => {
      ran.push(name);
      seen.push(s);
      const outcome = { askReboot: "no", ...outcomes }[name] ?? (name === "reportResult" && !s.failed ? "no" : "ok");
      if (outcome instanceof AgentError) throw outcome;
      return { outcome: outcome as Outcome };
    };
  const deploymentLog = createDeploymentLog(
    {
      async open(id) {
        if (fullDisk) throw new AgentError("DEPLOYMENT_LOG");
        return {
          append: (lines) => void logs.set(id, (logs.get(id) ?? "") + lines),
          tail: async () => ({ text: logs.get(id) ?? "", isCut: false }),
          close: async () => void logs.set(id, `${logs.get(id)}closed`),
        };
      },
    },
    createVirtualClock(),
    () => undefined,
  );
  const managed = createManaged({
    journal: createJournal(createMemoryStore(disk)),
    effects: Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, effect(run)])) as Effects,
    scripts: { run: async () => undefined },
    reportStatus: async () => "told",
    deploymentLog,
    maxResumes: 2,
    async finishUndo() {
      ran.push("finishUndo");
      const failure = undoFails[ran.filter((name) => name === "finishUndo").length - 1];
      if (failure !== undefined) throw failure;
    },
  });
  return { disk, ran, seen, logs, deploymentLog, managed };
}

const ended = (status: string, told: string, deploymentId = "d-1") => ({ kind: "ended", deploymentId, status, told });

test("a deployment runs to its end, from where the server says", async () => {
  const { disk, seen, managed } = rig();
  expect(await managed.run(DEPLOYMENT, signal)).toEqual(ended("success", "accepted"));
  expect(seen[0]).toMatchObject({ id: "d-1", mode: "managed", uri: DEPLOYMENT.uri, artifact: { name: "v2" } });
  expect(disk.has("state")).toBe(false);
});

const ENDS: readonly (readonly [Rig["outcomes"], string, string])[] = [
  [{ install: new AgentError("MODULE_FAILED") }, "failure", "accepted"],
  [{ reportResult: new AgentError("TRANSPORT_FAILED") }, "success", "unreached"],
  [{ reportResult: "abort" }, "success", "aborted"],
  [{ reachServer: "abort", reportResult: "abort" }, "failure", "aborted"],
];
for (const [outcomes, status, told] of ENDS) {
  test(`${Object.keys(outcomes ?? {}).join(" and ")} that fail or are aborted: ends as ${status}, ${told}`, async () => {
    expect(await rig({ outcomes: outcomes ?? {} }).managed.run(DEPLOYMENT, signal)).toEqual(ended(status, told));
  });
}

test("at the start there may be nothing to resume", async () => {
  const { ran, managed } = rig();
  expect(await managed.resume(signal)).toEqual({ kind: "none" });
  expect(ran).toEqual(["finishUndo"]);
});

test("an update from the command line is left alone, whatever the server asks for", async () => {
  const { disk, ran, managed } = rig({ found: { mode: "standalone", state: "commit", phase: "before" } });
  const before = new Map(disk);
  expect([await managed.resume(signal), await managed.run(DEPLOYMENT, signal)]).toEqual([
    { kind: "standalone" },
    { kind: "standalone" },
  ]);
  expect([ran, disk]).toEqual([[], before]);
});

const NOT_UNDERSTOOD: readonly (readonly [string, string, string, string])[] = [
  ['{"version":2,"id":"d-0"}', "d-0", "cleanup reportResult sendLog", "failure"],
  ["not JSON", "unknown", "cleanup", "failure"],
  ['{"version":2,"mode":"standalone","state":"commit"}', "unknown", "cleanup", "failure"],
  ['{"version":2,"id":"d-0","state":"cleanup","failed":false}', "d-0", "cleanup reportResult", "success"],
];
for (const [text, id, last, status] of NOT_UNDERSTOOD) {
  test(`an update of which ${text} is known is given up once, and reported if there is a server`, async () => {
    const { disk, ran, logs, managed } = rig({});
    disk.set("state", text);
    expect(await managed.resume(signal)).toEqual(ended(status, "accepted", id));
    expect(ran.join(" ")).toMatch(new RegExp(`${last}$`));
    expect(logs.get(id)).toContain("SNAPSHOT_INVALID");
    expect(disk.has("state")).toBe(false);
    expect(await managed.resume(signal)).toEqual({ kind: "none" });
  });
}

const RESUMED: readonly (readonly [Partial<Snapshot>, string, string])[] = [
  [{ state: "download" }, "failure", "cleanup reportResult sendLog"],
  [{ state: "download", download: { ...DOWNLOAD, resumes: 2 } }, "failure", "cleanup reportResult sendLog"],
  [
    { state: "download", download: DOWNLOAD },
    "success",
    "download install askReboot reachServer commit commitLeave saveProvides cleanup reportResult",
  ],
  [{ state: "reboot" }, "success", "verifyReboot reachServer commit commitLeave saveProvides cleanup reportResult"],
  [{ state: "cleanup" }, "success", "cleanup reportResult"],
  [{ state: "cleanup", failed: true }, "failure", "cleanup reportResult sendLog"],
  [{ state: "reportResult" }, "success", "reportResult"],
  [{ state: "sendLog", failed: true }, "failure", "sendLog"],
];
for (const [found, status, runs] of RESUMED) {
  const place = `${found.state}${found.download === undefined ? "" : `, resumed ${found.download.resumes} times,`}`;
  test(`cut off in ${place} with ${found.failed ? "a failure" : "no failure"}: ${runs}`, async () => {
    const { ran, managed } = rig({ found });
    expect(await managed.resume(signal)).toEqual(ended(status, "accepted", "d-0"));
    expect(ran.join(" ")).toBe(runs);
  });
}

test("an interrupted deployment is completed before another begins", async () => {
  const { ran, managed } = rig({ found: { state: "cleanup" } });
  expect(await managed.run(DEPLOYMENT, signal)).toEqual(ended("success", "accepted", "d-0"));
  expect(ran).toEqual(["cleanup", "reportResult"]);
});

test("what goes wrong stands in the deployment's log before that is sent", async () => {
  const { logs, deploymentLog, managed } = rig({ outcomes: { install: new AgentError("MODULE_FAILED") } });
  deploymentLog.log("info", "of no deployment");
  await managed.run(DEPLOYMENT, signal);
  deploymentLog.log("info", "of no deployment");
  const lines = (logs.get("d-1") ?? "").split("\n");
  expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual([
    { level: "info", message: "Running deployment d-1 at download", timestamp: "1970-01-01T00:00:00.000Z" },
    {
      level: "error",
      message: "MODULE_FAILED: The update module failed.",
      timestamp: "1970-01-01T00:00:00.000Z",
    },
  ]);
  expect(lines.at(-1)).toBe("closed");
});

test("debug messages do not go to the server, and the open log is the one that is read", async () => {
  const { deploymentLog } = rig();
  expect(await deploymentLog.read()).toEqual([]);
  await deploymentLog.open("d-1");
  deploymentLog.log("debug", "detail");
  deploymentLog.log("warning", "kept");
  expect((await deploymentLog.read()).map(({ message }) => message)).toEqual(["kept"]);
});

test("a deployment does not depend on its log", async () => {
  const { managed } = rig({ fullDisk: true });
  expect(await managed.run(DEPLOYMENT, signal)).toEqual(ended("success", "accepted"));
});

test("an undo that is owed is tried at each start, and before a deployment begins", async () => {
  const unwritable = new AgentError("BOOTENV_WRITE");
  const { ran, managed } = rig({ undoFails: [unwritable, unwritable] });
  // This failure keeps the device neither from polling nor from starting a deployment, which reports why it cannot
  // begin.
  expect(await managed.resume(signal)).toEqual({ kind: "none" });
  expect(await managed.resume(signal)).toEqual({ kind: "none" });
  expect(ran).toEqual(["finishUndo", "finishUndo"]);
  expect(await managed.run(DEPLOYMENT, signal)).toEqual(ended("success", "accepted"));
  expect(ran.slice(2, 4)).toEqual(["finishUndo", "download"]);
});

test("an undo is left alone while the deployment that may need it is pending", async () => {
  const { ran, managed } = rig({ found: { state: "commit", phase: "main" } });
  expect(await managed.run(DEPLOYMENT, signal)).toMatchObject({ kind: "ended", deploymentId: "d-0" });
  expect(ran).not.toContain("finishUndo");
});

test("a bug in an undo is not mistaken for its failure", async () => {
  const { managed } = rig({ undoFails: [new TypeError("bug")] });
  await expect(managed.resume(signal)).rejects.toThrow("bug");
});
