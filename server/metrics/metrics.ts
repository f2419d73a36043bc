import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { countDeployments } from "../adapters/postgres/deployment-states.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import { countWaiting } from "../adapters/postgres/webhook-queue.ts";
import type { App } from "../api/app-types.ts";
import { NEXT_V2 } from "../api/device/deployments/next-routes.ts";
import type { PollLane } from "../api/device/deployments/poll-lane.ts";
import { ServerError } from "../errors/server-error.ts";
import { mayShowMetrics } from "../listeners/listeners.ts";

/** Seconds; polls take about a millisecond. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const PREFIX = "switchback_";
/** Deployments are counted by the database, at most this often. */
const COUNT_EVERY_MS = 15_000;

const POLL = /\/deployments\/device\/deployments\/next$/;
const AUTHENTICATION = /\/authentication\/auth_requests$/;
const DOWNLOAD = /^\/api\/devices\/v1\/download\//;

/** What a status means for a device that polls. */
const pollAnswer = (status: number): string =>
  ({ 200: "deployment", 204: "nothing", 401: "unauthorized", 429: "busy", 503: "away" })[status] ?? "failed";

/**
 * Counts what an app and its lane for polls do, and answers `/metrics` where the listener allows it. The metrics
 * belong to this app.
 *
 * @param countEveryMs how old the numbers of deployments may be
 */
export function measure(app: App, lane: PollLane, postgres: Postgres, countEveryMs = COUNT_EVERY_MS): void {
  const registry = new Registry();
  const own = { registers: [registry] };
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    ...own,
    name: `${PREFIX}request_seconds`,
    help: "Time to answer requests, by route and status",
    labelNames: ["method", "route", "status"],
    buckets: BUCKETS,
  });
  const counter = (name: string, help: string, label: string) =>
    new Counter({ ...own, name: `${PREFIX}${name}`, help, labelNames: [label] });
  const polls = counter("polls_total", "Polls of devices, by answer", "answer");
  const authentications = counter("authentications_total", "Authentication requests of devices, by status", "status");
  const downloads = counter("downloads_total", "Downloads of Artifacts, by status", "status");
  const downloaded = new Counter({
    ...own,
    name: `${PREFIX}download_bytes_total`,
    help: "Bytes sent on connections that downloaded Artifacts",
  });
  measurePool(own, postgres);
  measureDeployments(own, postgres, countEveryMs);
  measureWebhooks(own, postgres, countEveryMs);

  app.addHook("onResponse", ({ method, routeOptions, socket }, reply, done) => {
    const route = routeOptions.url ?? "unknown";
    const status = String(reply.statusCode);
    requests.observe({ method, route, status }, reply.elapsedTime / 1000);
    if (POLL.test(route)) polls.inc({ answer: pollAnswer(reply.statusCode) });
    else if (AUTHENTICATION.test(route)) authentications.inc({ status });
    else if (method === "GET" && DOWNLOAD.test(route)) {
      downloads.inc({ status });
      const length = Number(reply.getHeader("content-length") ?? 0);
      downloaded.inc(Math.min(length, socket.bytesWritten));
    }
    done();
  });
  lane.onAnswer((seconds) => {
    requests.observe({ method: "POST", route: NEXT_V2, status: "204" }, seconds);
    polls.inc({ answer: pollAnswer(204) });
  });
  app.get("/metrics", { config: { auth: "none" }, schema: { hide: true } }, async (request, reply) => {
    if (!mayShowMetrics(request.raw)) throw new ServerError("NOT_FOUND", { path: "/metrics" });
    return reply
      .type(registry.contentType)
      .serializer(String)
      .send(await registry.metrics());
  });
}

interface Own {
  readonly registers: Registry[];
}

function measurePool(own: Own, postgres: Postgres): void {
  const gauge = new Gauge({
    ...own,
    name: `${PREFIX}database_connections`,
    help: "Connections to the database: open, idle, and requests that wait for one",
    labelNames: ["state"],
    collect() {
      const { total, idle, waiting } = postgres.usage();
      gauge.set({ state: "open" }, total);
      gauge.set({ state: "idle" }, idle);
      gauge.set({ state: "waiting" }, waiting);
    },
  });
}

function measureDeployments(own: Own, postgres: Postgres, countEveryMs: number): void {
  let counted = Number.NEGATIVE_INFINITY;
  let states: Promise<ReadonlyMap<string, number> | undefined> = Promise.resolve(undefined);
  const count = (): typeof states => {
    if (performance.now() - counted >= countEveryMs) {
      counted = performance.now();
      states = countDeployments(postgres).catch(() => undefined); // ignored: database_up tells.
    }
    return states;
  };
  const up = new Gauge({
    ...own,
    name: `${PREFIX}database_up`,
    help: "Whether the database answered the last count of deployments",
    async collect() {
      up.set((await count()) === undefined ? 0 : 1);
    },
  });
  const gauge = new Gauge({
    ...own,
    name: `${PREFIX}deployments`,
    help: "Deployments of all tenants, by state",
    labelNames: ["state"],
    async collect() {
      for (const [state, n] of (await count()) ?? []) gauge.set({ state }, n);
    },
  });
}

function measureWebhooks(own: Own, postgres: Postgres, countEveryMs: number): void {
  let counted = Number.NEGATIVE_INFINITY;
  const waiting = new Gauge({
    ...own,
    name: `${PREFIX}webhook_deliveries_waiting`,
    help: "Events that webhooks have not got yet, of all tenants",
  });
  const webhooks = new Gauge({
    ...own,
    name: `${PREFIX}webhooks`,
    help: "Webhooks whose last delivery failed, and webhooks that are disabled, of all tenants",
    labelNames: ["state"],
    async collect() {
      if (performance.now() - counted < countEveryMs) return;
      counted = performance.now();
      const now = await countWaiting(postgres).catch(() => undefined); // ignored: database_up tells.
      if (now === undefined) return;
      waiting.set(now.waiting);
      webhooks.set({ state: "failing" }, now.failing);
      webhooks.set({ state: "disabled" }, now.disabled);
    },
  });
}
