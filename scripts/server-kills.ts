import { parseArgs } from "node:util";
import { type KillsResult, killsSection } from "./lib/kills-section.ts";
import { recordRun } from "./lib/recorded-run.ts";

/**
 * `npm run test:server:kills [-- --kills 60 --seed N]`: kills the built server, its PostgreSQL and both at random, under
 * load, with many more kills than `npm test` makes. The result becomes a section of docs/reliability.md, unless
 * anything was lost.
 */
const { values } = parseArgs({ options: { kills: { type: "string", default: "60" }, seed: { type: "string" } } });

await recordRun<KillsResult>({
  file: "test/system/server/kills/kills.test.ts",
  environment: {
    SWITCHBACK_KILLS: values.kills,
    ...(values.seed !== undefined && { SWITCHBACK_KILLS_SEED: values.seed }),
  },
  resultVariable: "SWITCHBACK_KILLS_RESULT",
  section: killsSection,
});
