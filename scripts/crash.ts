import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { parseArgs } from "node:util";
import { type CrashResult, crashSection, replaceSection } from "./lib/crash-section.ts";
import { prepareTiers } from "./lib/debian.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm run test:crash [-- --cuts 500 --seed N]`: the built program killed at random, with many more cuts than
 * `npm test` makes. The result becomes a section of docs/reliability.md, unless a test fails.
 */
const { values } = parseArgs({ options: { cuts: { type: "string", default: "500" }, seed: { type: "string" } } });
const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";
const results = `${FOLDER}/crash-${process.pid}.jsonl`;

await mkdir(FOLDER, { recursive: true });
process.env["SWITCHBACK_CRASH_CUTS"] = values.cuts;
process.env["SWITCHBACK_CRASH_RESULT"] = results;
if (values.seed !== undefined) process.env["SWITCHBACK_CRASH_SEED"] = values.seed;
if ((await prepareTiers(["crash"])).length === 0) throw new Error("the packages that these tests need are missing");
const counts = await runVitest(["crash"], ["test/crash/sigkill.test.ts"]);
const lines = (await readFile(results, "utf8")).trimEnd().split("\n");
await rm(results);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
else {
  const where = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${arch()}, ${cpus().length} CPUs`;
  const section = crashSection(
    lines.map((line): CrashResult => JSON.parse(line)),
    where,
  );
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), section));
  say(`The result stands in ${PAGE}.`);
}
