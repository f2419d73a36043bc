import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Simulation, simulate } from "../../../fleet/simulate/simulate.ts";
import { makeArtifact, upload } from "../../support/server/artifacts.ts";
import { Nodes } from "../../support/server/nodes.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const DEVAUTH = "/api/management/v2/devauth/devices";
const DEVICES = 60;
const MIB = 1024 * 1024;
const LONG = { timeout: 60_000, interval: 100 };
const PLAN = {
  waves: [10, 25, 25, 40].map((percent, at) => ({ percent, ...(at < 3 && { gate: { success_pct: 90 } }) })),
  halt: { failure_pct: 5, min_reports: 3 },
};

let nodes: Nodes;
let fleet: Simulation;
const end = new AbortController();
beforeAll(async () => {
  nodes = await Nodes.start();
  const life = { deviceType: "board-b", failures: 0, stepS: 0.3, download: true, attributes: 2, seed: "nodes" };
  const load = { devices: DEVICES, rampS: 0, intervalS: 1, connections: 20, durationS: undefined };
  const where = { url: new URL(nodes.url), tenantToken: nodes.tenantToken };
  fleet = simulate({ ...where, ...load, ...life }, end.signal);
}, 120_000);
afterAll(async () => {
  end.abort();
  await fleet?.ended;
  await nodes?.remove();
});

async function pending(): Promise<readonly { readonly id: string; readonly auth_sets: readonly { id: string }[] }[]> {
  return json(`${DEVAUTH}?status=pending&per_page=500`);
}

/** Asks until the database is back. */
async function json<T>(path: string, node?: number): Promise<T> {
  for (;;) {
    const answer = await nodes.ask("GET", path, undefined, node);
    if (answer.status === 200) return (await answer.json()) as T;
    if (answer.status !== 503) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    await sleep(100);
  }
}

async function start(release: string): Promise<string> {
  const uploaded = await upload(
    nodes,
    await makeArtifact({ name: release, deviceTypes: ["board-b"], content: "x".repeat(64) }),
  );
  expect(uploaded.status).toBe(201);
  const wish = { name: release, artifact_name: release, all_devices: true, rollout: PLAN };
  const answer = await nodes.ask("POST", DEPLOYMENTS, wish);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return answer.headers.get("location")?.split("/").at(-1) ?? "";
}

const successes = async (id: string, node?: number): Promise<number> =>
  (await json<{ success: number }>(`${DEPLOYMENTS}/${id}/statistics`, node)).success;

async function codes(id: string): Promise<readonly string[]> {
  const decisions = await json<readonly { code: string }[]>(`${ROLLOUTS}/${id}/decisions`);
  return decisions.map(({ code }) => code).toSorted();
}

/** What has gone wrong for devices since `before`, as counts. */
function failures(before: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const now = Object.entries(fleet.summary().counts);
  const wrong = now.filter(([name, n]) => /^errors|: (?:4|5)\d\d$/.test(name) && n > (before[name] ?? 0));
  return Object.fromEntries(wrong.map(([name, n]) => [name, n - (before[name] ?? 0)]));
}

let undisturbed: readonly string[];

test("a rollout in four waves ends well, and says what it has decided", async () => {
  await expect.poll(async () => (await pending()).length, LONG).toBe(DEVICES);
  for (const { id, auth_sets: sets } of await pending())
    await nodes.ask("PUT", `${DEVAUTH}/${id}/auth/${sets[0]?.id}/status`, { status: "accepted" });
  await expect.poll(() => fleet.summary().counts["poll: 204"] ?? 0, LONG).toBeGreaterThan(DEVICES);
  const id = await start("release-1");
  await expect.poll(() => successes(id), LONG).toBe(DEVICES);
  await expect.poll(() => codes(id), LONG).toContain("ENDED");
  undisturbed = await codes(id);
  expect(undisturbed.filter((code) => code === "OPENED")).toHaveLength(4);
});

test("both processes are replaced one after the other, and no request fails", async () => {
  const before = fleet.summary().counts;
  const answers = new Map<number, number>();
  let isOver = false;
  const person = (async () => {
    while (!isOver) {
      const { status, body } = await nodes.ask("GET", `${DEVAUTH}?per_page=5`);
      await body?.cancel();
      answers.set(status, (answers.get(status) ?? 0) + 1);
      await sleep(20);
    }
  })();
  // A download that takes as long as all of it.
  const content = Buffer.alloc(24 * MIB, "large");
  const uploaded = await upload(nodes, await makeArtifact({ name: "large", deviceTypes: ["board-z"], content }));
  expect(uploaded.status).toBe(201);
  const artifact = uploaded.headers.get("location")?.split("/").at(-1);
  const { uri } = await json<{ uri: string }>(`/api/management/v1/deployments/artifacts/${artifact}/download`);
  const download = await fetch(uri);
  const size = Number(download.headers.get("content-length"));
  let got = 0;
  const reading = (async () => {
    for await (const chunk of download.body ?? []) {
      got += chunk.length;
      await sleep(chunk.length / 2000);
    }
  })();
  const id = await start("release-2");
  const exits = [await nodes.restart(0), await nodes.restart(1)];
  await expect.poll(() => successes(id), LONG).toBe(DEVICES);
  isOver = true;
  await Promise.all([person, reading]);
  expect(exits).toEqual([0, 0]);
  expect(got).toBe(size);
  expect([...answers.keys()]).toEqual([200]);
  expect(failures(before)).toEqual({});
}, 120_000);

test("a process that hangs stops no rollout for more than ten seconds", async () => {
  const id = await start("release-3");
  await expect.poll(() => successes(id), LONG).toBeGreaterThan(0);
  nodes.signal(0, "SIGSTOP");
  try {
    let last = await successes(id, 1);
    let since = performance.now();
    let longestMs = 0;
    // Devices whose requests the process holds come back when the balancer gives these up.
    while (last < DEVICES / 2) {
      await sleep(200);
      const now = await successes(id, 1);
      longestMs = Math.max(longestMs, performance.now() - since);
      if (now > last) [last, since] = [now, performance.now()];
      expect(longestMs).toBeLessThan(10_000);
    }
  } finally {
    nodes.signal(0, "SIGCONT");
  }
  await expect.poll(() => codes(id), LONG).toEqual(undisturbed);
  expect(await successes(id)).toBe(DEVICES);
}, 120_000);

test("the database is lost and its replica promoted in the middle of a rollout: it ends the same", async () => {
  const before = fleet.summary().counts;
  const id = await start("release-4");
  await expect.poll(() => successes(id), LONG).toBeGreaterThan(DEVICES / 4);
  nodes.database.losePrimary({ isSilent: false });
  // For a while, the address leads to a database that only answers questions.
  const refused = async (): Promise<number> => (await nodes.ask("POST", `${DEVAUTH}`, { none: true })).status;
  await expect.poll(refused, LONG).toBe(503);
  await sleep(1500);
  await nodes.database.promote();
  await expect.poll(() => codes(id), LONG).toEqual(undisturbed);
  expect(await successes(id)).toBe(DEVICES);
  // Devices were asked to come later, and nothing else.
  for (const name of Object.keys(failures(before))) expect(name).toMatch(/: 503$/);
  expect(await json(`/api/management/v1/auditlogs/logs/verify`)).toMatchObject({ valid: true });
}, 120_000);
