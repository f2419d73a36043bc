import { parseArgs } from "node:util";
import { bundle } from "./lib/bundle.ts";
import { prepareTiers } from "./lib/debian.ts";
import { filesBelow } from "./lib/files.ts";
import { installNode24 } from "./lib/node24.ts";
import { capture, say } from "./lib/run.ts";
import { isTierName, TIER_NAMES, type TierName, tierOf, WHERE_INSTALLED } from "./lib/tiers.ts";
import { add, type Counts, countsLine, runVitest } from "./lib/vitest.ts";

/**
 * `npm test [-- --tier NAME] [--without NAME] [--ci] [FILTER…]`: runs all tiers, or those named, or all except those
 * named. With `--ci`, the unit tier runs a second time under Node 24, and a skipped test is a failure.
 */
const { values, positionals } = parseArgs({
  options: {
    tier: { type: "string", multiple: true },
    without: { type: "string", multiple: true, default: [] },
    ci: { type: "boolean", default: false },
  },
  allowPositionals: true,
});

const named = values.tier?.map(tierNamed);
const without = values.without.map(tierNamed);
const asked = (named ?? (await existingTiers())).filter((tier) => !without.includes(tier));
const tiers = await prepareTiers(asked, named === undefined ? WHERE_INSTALLED : undefined);
const built = "dist";
await bundle(built);

let counts: Counts = { passed: 0, failed: 0, skipped: await countTests(asked.filter((tier) => !tiers.includes(tier))) };
if (tiers.length > 0) counts = add(counts, await runVitest(tiers, positionals, { built }));
if (values.ci) {
  const node = await installNode24();
  say("Once more under Node 24: unit");
  counts = add(counts, await runVitest(["unit"], positionals, { node, built }));
}
const good = counts.failed === 0 && counts.passed > 0 && (!values.ci || counts.skipped === 0);
if (values.ci && counts.skipped > 0) say("Nothing may be skipped here.");
say(countsLine(counts));
process.exitCode = good ? 0 : 1;

function tierNamed(name: string): TierName {
  if (!isTierName(name)) throw new Error(`there is no tier "${name}"; there are ${TIER_NAMES.join(", ")}`);
  return name;
}

/** Tiers that have a test. Vitest does not report a project without files as long as another project has some. */
async function existingTiers(): Promise<readonly TierName[]> {
  const found = new Set((await filesBelow("test", ".test.ts")).map(tierOf));
  return TIER_NAMES.filter((tier) => found.has(tier));
}

/** The number of tests in tiers that do not run. */
async function countTests(skipped: readonly TierName[]): Promise<number> {
  if (skipped.length === 0) return 0;
  const projects = skipped.flatMap((tier) => ["--project", tier]);
  const { stdout } = await capture(process.execPath, ["node_modules/vitest/vitest.mjs", "list", "--json", ...projects]);
  const listed: unknown = JSON.parse(stdout.slice(stdout.indexOf("[")));
  return Array.isArray(listed) ? listed.length : 0;
}
