import { parseArgs } from "node:util";
import { prepareTiers } from "./lib/debian.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm run test:requests [-- --seconds 60 --seed N]`: sends random requests to all routes of the server for a minute,
 * with many more values than `npm test` tries. Fails if the server answers one of them with its own fault.
 */
const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } });
process.env["SWITCHBACK_REQUEST_SECONDS"] = values.seconds;
process.env["SWITCHBACK_REQUEST_SEED"] = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
if ((await prepareTiers(["server"])).length === 0) throw new Error("the packages that this test needs are missing");
const counts = await runVitest(["server"], ["test/server/random-requests.server.test.ts"]);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
