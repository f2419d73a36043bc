/**
 * Measures the management server beside a bare Fastify route, beside one that reads one row, and beside nginx, in the same
 * run. Generator, server and PostgreSQL share the processors, each in a session of its own.
 *
 *   npm run bench:server                              all parts; polls and what people ask at 1 k to 1 M registered devices
 *   npm run bench:server -- --parts polls,transfers   these parts of: polls, fleets, authentications, transfers, memory
 *   npm run bench:server -- --devices 1000            polls and fleets at these numbers of devices
 *   npm run bench:server -- --rounds 5 --seconds 10   more rounds, longer ones
 *   npm run bench:server -- --minutes 2               a shorter look at the memory, which takes 10 minutes
 */
import { parseArgs } from "node:util";
import { measureAuthentications } from "./lib/server-bench/authentications.ts";
import { measureFleets } from "./lib/server-bench/fleets.ts";
import { measureMemory } from "./lib/server-bench/memory.ts";
import { measurePolls } from "./lib/server-bench/polls.ts";
import { type ServerUnderTest, withServer } from "./lib/server-bench/server-under-test.ts";
import { measureTransfers } from "./lib/server-bench/transfers.ts";

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: "polls,fleets,authentications,transfers,memory" },
    devices: { type: "string", default: "1000,10000,100000,1000000" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    minutes: { type: "string", default: "10" },
  },
});
const rounds = Number(values.rounds);
const PARTS: Readonly<Record<string, (server: ServerUnderTest) => Promise<void>>> = {
  authentications: measureAuthentications,
  transfers: (server) => measureTransfers(server, rounds),
  polls: (server) =>
    measurePolls(server, { sizes: values.devices.split(",").map(Number), rounds, seconds: Number(values.seconds) }),
  fleets: (server) => measureFleets(server, values.devices.split(",").map(Number), rounds),
  memory: (server) => measureMemory(server, Number(values.minutes)),
};
const asked = values.parts.split(",");
const unknown = asked.filter((part) => PARTS[part] === undefined);
if (unknown.length > 0)
  throw new Error(`no such part: ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);
// Each on a server and a database of its own.
for (const part of asked) await withServer(async (server) => PARTS[part]?.(server));
