import { readFile } from "node:fs/promises";
import { load } from "js-yaml";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ARTIFACTS, addTestArtifact } from "../support/server/artifacts.ts";
import { addDeployment, enroll } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
let device: TestDevice;
let id: string;
let artifact: string;

beforeAll(async () => {
  server = await startTestServer({ isMeasured: true });
  device = new TestDevice(server.url, "00:00:00:00:00:01", { tenantToken: server.tenant.token });
  id = await enroll(server, device);
  artifact = await addTestArtifact(server, { name: "release-1", deviceTypes: ["board-a"] });
});
afterAll(() => server.close());

/** All samples of `/metrics`, by name and labels. */
async function samples(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${server.localUrl}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** How much samples grow while something happens. */
async function growth(names: readonly string[], act: () => Promise<unknown>): Promise<readonly number[]> {
  const before = await samples();
  await act();
  const after = await samples();
  return names.map((name) => (after.get(`switchback_${name}`) ?? 0) - (before.get(`switchback_${name}`) ?? 0));
}

const polls = (answer: string): string => `polls_total{answer="${answer}"}`;
const FACTS = { artifact_name: "release-0", device_type: "board-a" };

test("polls are counted by their answers", async () => {
  const names = ["nothing", "deployment", "unauthorized"].map(polls);
  expect(await growth(names, () => device.next(FACTS))).toEqual([1, 0, 0]);
  await addDeployment(server, { release: "release-1", devices: [id] });
  await server.server.services.running.look();
  expect(await growth(names, () => device.next(FACTS))).toEqual([0, 1, 0]);
  const stranger = new TestDevice(server.url, "00:00:00:00:00:02");
  expect(await growth(names, () => stranger.next(FACTS))).toEqual([0, 0, 1]);
});

test("authentication requests are counted by status", async () => {
  const names = ["200", "401", "400"].map((status) => `authentications_total{status="${status}"}`);
  expect(await growth(names, () => device.authenticate())).toEqual([1, 0, 0]);
  expect(await growth(names, () => device.authenticate(device.authBody(), "AAAA"))).toEqual([0, 1, 0]);
  expect(await growth(names, () => device.authenticate("{}", null))).toEqual([0, 0, 1]);
});

test("deployments are counted by state", async () => {
  const names = ["pending", "inprogress", "aborted"].map((state) => `deployments{state="${state}"}`);
  const path = "/api/management/v1/deployments/deployments";
  const create = { name: "second", artifact_name: "release-1", devices: [id] };
  let location = "";
  const created = async (): Promise<void> => {
    location = (await server.request("POST", path, create)).headers.get("location") ?? "";
  };
  expect(await growth(names, created)).toEqual([1, 0, 0]);
  const abort = () => server.request("PUT", `${path}/${location.split("/").at(-1)}/status`, { status: "aborted" });
  expect(await growth(names, abort)).toEqual([-1, 0, 1]);
});

test("downloads are counted by status, with their bytes", async () => {
  const { uri } = (await (await server.request("GET", `${ARTIFACTS}/${artifact}/download`)).json()) as { uri: string };
  const names = ['downloads_total{status="200"}', 'downloads_total{status="206"}', "download_bytes_total"];
  let bytes = 0;
  const whole = async (): Promise<void> => {
    bytes = (await (await fetch(uri)).arrayBuffer()).byteLength;
  };
  const [all, none, sent] = await growth(names, whole);
  expect([all, none, sent]).toEqual([1, 0, bytes]);
  const part = async () => (await fetch(uri, { headers: { range: "bytes=0-99" } })).arrayBuffer();
  expect(await growth(names, part)).toEqual([0, 1, 100]);
});

test("each request is in the histogram of its route", async () => {
  const name = 'request_seconds_count{method="GET",route="/healthz",status="200"}';
  expect(await growth([name], () => fetch(`${server.url}/healthz`))).toEqual([1]);
});

test("the connections to the database are counted, and those that wait for one", async () => {
  const { postgres } = server.server.services;
  let during: ReadonlyMap<string, number> = new Map();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  // All connections, and three requests more.
  const busy = Array.from({ length: 13 }, () => postgres.shared(() => held));
  const open = (): number => postgres.usage().total - postgres.usage().idle;
  await expect.poll(open).toBe(10);
  const metrics = samples();
  await expect.poll(() => postgres.usage().waiting).toBeGreaterThanOrEqual(3);
  release();
  await Promise.all(busy);
  during = await metrics;
  expect(during.get('switchback_database_connections{state="open"}')).toBe(10);
  expect(during.get("switchback_database_up")).toBe(1);
  const after = await samples();
  expect(after.get('switchback_database_connections{state="waiting"}')).toBe(0);
  expect(after.get('switchback_database_connections{state="idle"}')).toBeGreaterThan(0);
});

test("a loop of events that stands still shows", async () => {
  const lag = async (): Promise<number> => (await samples()).get("nodejs_eventloop_lag_max_seconds") ?? 0;
  await lag();
  // After that, the monitor's first look, each 10 ms, has nothing to compare with.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const until = performance.now() + 300;
  while (performance.now() < until);
  await new Promise(setImmediate);
  expect(await lag()).toBeGreaterThan(0.2);
});

test("/metrics answers on the listeners for this machine and for a monitoring system only", async () => {
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
  expect((await fetch(`${server.localUrl}/metrics`)).status).toBe(200);
  expect((await fetch(`${server.metricsUrl}/metrics`)).status).toBe(200);
});

test("the listener for a monitoring system answers nothing else", async () => {
  const statusOf = async (path: string): Promise<number> => (await fetch(`${server.metricsUrl}${path}`)).status;
  expect([await statusOf("/healthz"), await statusOf("/readyz")]).toEqual([200, 200]);
  const others = ["/", "/openapi.json", "/reference", "/metrics/", "//metrics", "/api/management/v1/useradm/users"];
  expect(await Promise.all(others.map(statusOf))).toEqual(others.map(() => 404));
});

const METRIC = /\b(?:switchback|process|nodejs)_[a-z0-9_]+/g;

test("the dashboard and the alerts of the guide name metrics that exist, and the guide explains each alert", async () => {
  const text = await (await fetch(`${server.localUrl}/metrics`)).text();
  const known = new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
      type === "histogram" ? ["_bucket", "_count", "_sum"].map((end) => name + end) : [name],
    ),
  );
  const dashboard = JSON.parse(await readFile("docs/guides/switchback-dashboard.json", "utf8")) as {
    panels: { targets: { expr: string }[] }[];
  };
  const { groups } = load(await readFile("docs/guides/switchback-alerts.yaml", "utf8")) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules);
  const shown = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const named = new Set([...shown, ...alerts.map(({ expr }) => expr)].flatMap((expr) => expr.match(METRIC) ?? []));
  expect(named.size).toBeGreaterThan(10);
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
  // What the server counts, somebody looks at.
  const own = [...known].filter((name) => name.startsWith("switchback_") && !name.endsWith("_sum"));
  expect(own.filter((name) => !named.has(name))).toEqual([]);
  const guide = await readFile("docs/guides/server-production.md", "utf8");
  expect(alerts.map(({ alert }) => alert)).toEqual([...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name));
});
