import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { parseArgs } from "node:util";
import { replaceSection } from "./lib/crash-section.ts";
import { prepareTiers } from "./lib/debian.ts";
import { type KillsResult, killsSection } from "./lib/kills-section.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm run test:server:kills [-- --kills 60 --seed N]`: kills the built server, its PostgreSQL and both at random, under
 * load, with many more kills than `npm test` makes. The result becomes a section of docs/reliability.md, unless
 * anything was lost.
 */
const { values } = parseArgs({ options: { kills: { type: "string", default: "60" }, seed: { type: "string" } } });
const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";
const result = `${FOLDER}/kills-${process.pid}.jsonl`;

await mkdir(FOLDER, { recursive: true });
process.env["SWITCHBACK_KILLS"] = values.kills;
process.env["SWITCHBACK_KILLS_RESULT"] = result;
if (values.seed !== undefined) process.env["SWITCHBACK_KILLS_SEED"] = values.seed;
if ((await prepareTiers(["server"])).length === 0) throw new Error("the packages that this test needs are missing");
const counts = await runVitest(["server"], ["test/system/server/kills/kills.test.ts"]);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
else {
  const found: KillsResult = JSON.parse(await readFile(result, "utf8"));
  await rm(result);
  const where = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${arch()}, ${cpus().length} CPUs`;
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), killsSection(found, where)));
  say(`The result stands in ${PAGE}.`);
}
