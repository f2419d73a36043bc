import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decisionSentence } from "../../../../fleet/cli/rollout-sentences.ts";
import { type SimulationOptions, simulate } from "../../../../fleet/simulate/simulate.ts";
import type { RolloutDetails } from "../../../../src/protocol/api/rollout-views.ts";
import { acceptFleet } from "../../../support/server/accepted-fleet.ts";
import { makeArtifact, upload } from "../../../support/server/artifacts.ts";
import { query } from "../../../support/server/seed.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";

const DEVICES = Number(process.env["SWITCHBACK_WAVES"] ?? 300);
const SEED = "waves";
const LONG_MS = Math.max(120_000, DEVICES * 150);
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const TYPES = ["board-a", "board-b"];
const GATE = { success_pct: 95 };
/** In a small fleet, the first wave and the part that fails are larger: by chance, too few of a few would fail. */
const IS_SMALL = DEVICES < 5000;
const PART = IS_SMALL ? 0.2 : 0.08;
const PERCENTS = IS_SMALL ? [20, 10, 20] : [5, 15, 30];
const PLAN = {
  waves: [...PERCENTS.map((percent) => ({ percent, gate: GATE })), { rest: true }],
  halt: { failure_pct: 5 },
};
const WITHOUT = [{ scope: "inventory", attribute: "device_type", type: "$eq", value: "board-b" }];

let server: TestServer;
const stop = new AbortController();
/** What the test says: the run with 10,000 devices writes it into docs/reliability.md. */
const said: string[] = [];
/** Some devices are of the type board-b. While `failing` is there, they cannot start the release. */
const fleet: { -readonly [Key in keyof SimulationOptions]: SimulationOptions[Key] } = {
  ...{
    url: new URL("http://127.0.0.1"),
    ca: undefined,
    skipVerify: undefined,
    connections: 50,
    tenantToken: undefined,
  },
  ...{ devices: DEVICES, intervalS: Math.max(1, Math.ceil(DEVICES / 400)), durationS: undefined, stepS: 0.2 },
  ...{
    deviceType: "board-a",
    otherTypes: { "board-b": PART },
    failures: 0,
    download: false,
    attributes: 0,
    seed: SEED,
  },
  rampS: Math.ceil(DEVICES / 150),
};

beforeAll(async () => {
  server = await startTestServer();
  await acceptFleet(server, SEED, DEVICES);
  for (const name of ["release-1", "release-2"])
    expect((await upload(server, await makeArtifact({ name, deviceTypes: TYPES }))).status).toBe(201);
  fleet.url = new URL(server.url);
  fleet.tenantToken = server.tenant.token;
  simulate(fleet, stop.signal);
}, LONG_MS);
afterAll(async () => {
  stop.abort();
  await sleep(500);
  await server.close();
});

async function get<T>(path: string): Promise<T> {
  const answer = await server.request("GET", `${ROLLOUTS}/${path}`);
  expect(answer.status, path).toBe(200);
  return (await answer.json()) as T;
}

async function create(release: string): Promise<string> {
  const wish = { name: release, artifact_name: release, all_devices: true, rollout: PLAN };
  const answer = await server.request("POST", "/api/management/v1/deployments/deployments", wish);
  expect(answer.status, await answer.text()).toBe(201);
  return answer.headers.get("location")?.split("/").at(-1) ?? "";
}

async function until(id: string, state: string): Promise<RolloutDetails> {
  await expect.poll(async () => (await get<RolloutDetails>(id)).state, { timeout: LONG_MS, interval: 500 }).toBe(state);
  return get<RolloutDetails>(id);
}

/** The decisions of a rollout in words, without their times. */
const decisions = async (id: string): Promise<string[]> =>
  (await get<Parameters<typeof decisionSentence>[0][]>(`${id}/decisions`)).map((one) =>
    decisionSentence(one).replace(/^.*?\d\d:\d\d: /, ""),
  );

/** How many devices begin in each wave of so many devices. */
const wavesOf = (devices: number): number[] => {
  const reach = PERCENTS.map((_, index) =>
    Math.ceil((devices * PERCENTS.slice(0, index + 1).reduce((sum, percent) => sum + percent, 0)) / 100 - 1e-9),
  );
  return [...reach, devices].map((upTo, index) => upTo - (reach[index - 1] ?? 0));
};

/** No device has two rows, and places, rows and counters agree. */
async function expectWhole(id: string): Promise<void> {
  const [row] = await query<Record<string, number>>(
    server,
    `SELECT (SELECT sum(n) FROM rollout_places WHERE deployment_id = $1)::int AS taken,
      (SELECT count(*) FROM device_deployments WHERE deployment_id = $1 AND wave >= 0)::int AS rows,
      (SELECT coalesce(sum(n), 0) FROM deployment_counts WHERE deployment_id = $1 AND wave >= 0)::int AS counted,
      (SELECT count(*) FROM device_deployments WHERE deployment_id = $1 AND status = 'failure')::int AS failed,
      (SELECT coalesce(sum(n), 0) FROM failure_counts WHERE deployment_id = $1)::int AS causes`,
    id,
  );
  expect(row?.["taken"]).toBe(row?.["rows"]);
  expect(row?.["counted"]).toBe(row?.["rows"]);
  expect(row?.["causes"]).toBe(row?.["failed"]);
}

const number = (n: number): string => n.toLocaleString("en");

test(
  "a good release reaches all devices in four waves",
  async () => {
    const began = performance.now();
    const id = await create("release-1");
    const { totals, wave_list: waves } = await until(id, "finished");
    expect(totals).toMatchObject({ updated: DEVICES, failed: 0, waiting: 0, left_out: 0 });
    expect(waves.map(({ tally }) => tally?.updated)).toEqual(wavesOf(DEVICES));
    await expectWhole(id);
    const seconds = Math.round((performance.now() - began) / 1000);
    said.push(
      `A good release to ${number(DEVICES)} devices finishes in ${number(seconds)} s:`,
      ...(await decisions(id)).map((one) => `- ${one}`),
    );
  },
  LONG_MS,
);

test(
  "a release that fails on one device type halts in its first wave with the cause named, and finishes without their type",
  async () => {
    fleet.failing = {
      type: "board-b",
      line: (device) => `cannot attach /dev/ubi${device} at 0x${(device * 4096 + 1).toString(16)}: no such chip`,
    };
    const id = await create("release-2");
    await until(id, "halted");
    // Those that have begun end their update. Then nothing moves.
    await expect.poll(async () => (await get<RolloutDetails>(id)).totals.under_way, { timeout: LONG_MS }).toBe(0);
    const halted = await get<RolloutDetails>(id);
    const [first = 0] = wavesOf(DEVICES);
    expect([halted.waves_open, halted.closed]).toEqual([1, "ROLLOUT_HALTED"]);
    expect(halted.halt).toMatchObject({
      rule: "FAILURE_PCT",
      cause: { kind: "line", signature: "cannot attach ‹path› at ‹hex›: no such chip" },
    });
    expect(halted.totals.waiting).toBeGreaterThanOrEqual(DEVICES - first);
    const { failed } = halted.totals;
    const [cause, ...others] = await get<Record<string, unknown>[]>(`${id}/causes`);
    expect(others).toEqual([]);
    expect(cause).toMatchObject({ kind: "line", count: failed });
    expect(cause?.["factors"]).toMatchObject([
      { attribute: "device_type", value: "board-b", failed: { have: failed, of: failed }, succeeded: { have: 0 } },
    ]);

    const body = { act: "resume", without: WITHOUT };
    const path = `${ROLLOUTS}/${id}/acts`;
    const dry = (await (await server.request("POST", path, { ...body, dry_run: true })).json()) as { effects: unknown };
    const ofType = await query<{ n: number }>(
      server,
      "SELECT count(*)::int AS n FROM inventory WHERE device_type = 'board-b'",
    );
    const out = (ofType[0]?.n ?? 0) - failed;
    expect(dry.effects).toContainEqual({ code: "LEAVE", devices: out });
    expect((await server.request("POST", path, body)).status).toBe(200);
    const { totals } = await until(id, "finished");
    expect(totals).toMatchObject({ updated: DEVICES - out - failed, failed, waiting: 0, left_out: out });
    await expectWhole(id);
    said.push(
      "",
      `A release that fails on the ${number(failed + out)} devices of one type:`,
      ...(await decisions(id)).map((one) => `- ${one}`),
    );
    const result = process.env["SWITCHBACK_WAVES_RESULT"];
    if (result !== undefined) await appendFile(result, JSON.stringify({ devices: DEVICES, lines: said }));
  },
  LONG_MS,
);
