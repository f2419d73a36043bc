import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { parseArgs } from "node:util";
import { replaceSection } from "./lib/crash-section.ts";
import { prepareTiers } from "./lib/debian.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";
import { type WavesResult, wavesSection } from "./lib/waves-section.ts";

/**
 * `npm run test:server:waves [-- --devices 10000]`: rolls releases out to a simulated fleet, with many more devices than
 * `npm test` has: a good one, and one that fails on one device type. What the rollouts decided becomes a section of
 * docs/reliability.md.
 */
const { values } = parseArgs({ options: { devices: { type: "string", default: "10000" } } });
const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";
const result = `${FOLDER}/waves-${process.pid}.json`;

await mkdir(FOLDER, { recursive: true });
process.env["SWITCHBACK_WAVES"] = values.devices;
process.env["SWITCHBACK_WAVES_RESULT"] = result;
if ((await prepareTiers(["server"])).length === 0) throw new Error("the packages that this test needs are missing");
const counts = await runVitest(["server"], ["test/system/server/waves/waves.test.ts"]);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
else {
  const found: WavesResult = JSON.parse(await readFile(result, "utf8"));
  await rm(result);
  const where = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${arch()}, ${cpus().length} CPUs`;
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), wavesSection(found, where)));
  say(`The result stands in ${PAGE}.`);
}
