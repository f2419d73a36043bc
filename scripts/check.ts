import { BIOME } from "./gates/biome.ts";
import { BOUNDED } from "./gates/bounded.ts";
import { DOCS } from "./gates/docs.ts";
import { DURABLE } from "./gates/durable.ts";
import { HOUSE } from "./gates/house.ts";
import { IMPORTS } from "./gates/imports.ts";
import { KNIP } from "./gates/knip.ts";
import { TYPES } from "./gates/types.ts";
import { codeFiles } from "./lib/files.ts";
import { say } from "./lib/run.ts";

const files = await codeFiles();
if (files.length < 50) throw new Error(`only ${files.length} TypeScript files found: wrong folder?`);

const results = await Promise.all(
  [BIOME, TYPES, IMPORTS, KNIP, DOCS, DURABLE, BOUNDED, HOUSE].map(async (gate) => ({
    gate,
    verdict: await gate.check(files),
  })),
);
for (const { gate, verdict } of results) {
  say(`${verdict.problems.length === 0 ? "ok  " : "FAIL"} ${gate.name}: ${verdict.looked}`);
  for (const problem of verdict.problems) say(problem.replace(/^/gm, "     "));
}
const failed = results.filter(({ verdict }) => verdict.problems.length > 0);
say(
  failed.length === 0 ? "check: all gates passed" : `check: ${failed.map(({ gate }) => gate.name).join(", ")} failed`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
