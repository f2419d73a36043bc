/**
 * Sends requests as fast as they are answered, for `npm run bench:server`, and prints what it measured as JSON.
 *
 *   node scripts/run.mjs bench-generator FILE     FILE: JSON with url, seconds, connections, rate and requests
 */
import { readFileSync } from "node:fs";
import { createFigures } from "../fleet/simulate/figures.ts";
import { createWire, type WireRequest } from "../fleet/simulate/wire.ts";

export interface Load {
  readonly url: string;
  /** How long it lasts, unless `once` is set. */
  readonly seconds?: number;
  /** Sends each request once, and ends. */
  readonly once?: boolean;
  readonly connections: number;
  /** Requests a second. Without it, each connection sends its next request at once. */
  readonly rate?: number;
  /** Sent in turn. */
  readonly requests: readonly WireRequest[];
}

export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly statuses: Readonly<Record<string, number>>;
}

const load = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Load;
const wire = createWire({ url: new URL(load.url), connections: load.connections });
const figures = createFigures();
let next = 0;
const send = async (): Promise<void> => {
  const request = load.requests[next++ % load.requests.length];
  if (request === undefined) throw new Error("no request");
  const { status, ms } = await wire.send(request);
  figures.count(String(status));
  figures.took("all", ms);
};
const begin = performance.now();
const end = begin + (load.seconds ?? 0) * 1000;
const isOver = (): boolean => (load.once === true ? next >= load.requests.length : performance.now() >= end);
if (load.rate === undefined)
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      while (!isOver()) await send();
    }),
  );
else {
  const open: Promise<void>[] = [];
  for (let sent = 0; performance.now() < end; ) {
    const due = ((performance.now() - begin) / 1000) * load.rate;
    for (; sent < due; sent += 1) open.push(send());
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(open);
}
const { counts, latencyMs } = figures.summary();
const seconds = (performance.now() - begin) / 1000;
const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
const { p50 = 0, p99 = 0 } = latencyMs["all"] ?? {};
wire.close();
process.stdout.write(
  `${JSON.stringify({ perSecond: total / seconds, p50, p99, statuses: counts } satisfies Measured)}\n`,
);
