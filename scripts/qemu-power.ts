import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { bundle } from "./lib/bundle.ts";
import { replaceSection } from "./lib/crash-section.ts";
import { prepareTiers } from "./lib/debian.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm run test:qemu:power [-- --cuts 40 --seed N]`: cuts the power in updates of vexpress-a9 under QEMU, many more
 * times than `npm test` does. The result becomes a section of docs/reliability.md, unless a board breaks.
 */
const { values } = parseArgs({
  options: { cuts: { type: "string", default: "40" }, seed: { type: "string", default: "40" } },
});
const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";
const results = `${FOLDER}/qemu-power-${process.pid}.txt`;

await mkdir(FOLDER, { recursive: true });
process.env["SWITCHBACK_QEMU_CUTS"] = values.cuts;
process.env["SWITCHBACK_QEMU_SEED"] = values.seed;
process.env["SWITCHBACK_QEMU_RESULT"] = results;
if ((await prepareTiers(["qemu"])).length === 0) throw new Error("the packages that these tests need are missing");
await bundle("dist");
const counts = await runVitest(["qemu"], ["test/system/qemu/vexpress-a9-power-cuts.test.ts"]);
say(countsLine(counts));
if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
else {
  const lines = (await readFile(results, "utf8")).trimEnd();
  await rm(results);
  const where = `Measured ${new Date().toISOString().slice(0, 10)} on vexpress-a9, seed ${values.seed}.`;
  const section = ["<!-- qemu-power: begin -->", "", where, "", lines, "", "<!-- qemu-power: end -->"].join("\n");
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), section));
  say(`The result stands in ${PAGE}.`);
}
