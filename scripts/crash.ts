import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { parseArgs } from "node:util";
import { type CrashResult, crashSection, replaceSection } from "./lib/crash-section.ts";
import { prepareTiers } from "./lib/debian.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm run test:crash [-- --cuts 500 --seed N --only deployments]`: kills the built program at random, with many more
 * cuts than `npm test` makes, and a fifth as many in deployments. The results become sections of docs/reliability.md,
 * unless a test fails.
 */
const { values } = parseArgs({
  options: { cuts: { type: "string", default: "500" }, seed: { type: "string" }, only: { type: "string" } },
});
const TESTS: Readonly<Record<string, string>> = {
  updates: "test/system/crash/sigkill.test.ts",
  deployments: "test/system/crash/managed-sigkill.test.ts",
};
const tests = Object.keys(TESTS).filter((name) => values.only === undefined || values.only === name);
const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";
const results = `${FOLDER}/crash-${process.pid}.jsonl`;

await mkdir(FOLDER, { recursive: true });
process.env["SWITCHBACK_CRASH_CUTS"] = values.cuts;
process.env["SWITCHBACK_CRASH_RESULT"] = results;
if (values.seed !== undefined) process.env["SWITCHBACK_CRASH_SEED"] = values.seed;
if ((await prepareTiers(["crash"])).length === 0) throw new Error("the packages that these tests need are missing");
const counts = await runVitest(
  ["crash"],
  tests.map((name) => TESTS[name] ?? ""),
);
const lines = (await readFile(results, "utf8")).trimEnd().split("\n");
await rm(results);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
else {
  const where = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${arch()}, ${cpus().length} CPUs`;
  const results = lines.map((line): CrashResult => JSON.parse(line));
  const isDeployment = ({ told }: CrashResult): boolean => told !== undefined;
  let page = await readFile(PAGE, "utf8");
  if (tests.includes("updates"))
    page = replaceSection(
      page,
      crashSection(
        results.filter((result) => !isDeployment(result)),
        where,
      ),
    );
  if (tests.includes("deployments"))
    page = replaceSection(page, crashSection(results.filter(isDeployment), where, "killed-in-deployments"));
  await writeFile(PAGE, page);
  say(`The result stands in ${PAGE}.`);
}
