import { parseArgs } from "node:util";
import { recordRun } from "./lib/recorded-run.ts";
import { type WavesResult, wavesSection } from "./lib/waves-section.ts";

/**
 * `npm run test:server:waves [-- --devices 10000]`: rolls releases out to a simulated fleet, with many more devices than
 * `npm test` has: a good one, and one that fails on one device type. What the rollouts decided becomes a section of
 * docs/reliability.md.
 */
const { values } = parseArgs({ options: { devices: { type: "string", default: "10000" } } });

await recordRun<WavesResult>({
  file: "test/system/server/waves/waves.test.ts",
  environment: { SWITCHBACK_WAVES: values.devices },
  resultVariable: "SWITCHBACK_WAVES_RESULT",
  section: wavesSection,
});
