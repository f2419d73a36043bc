import { bundle } from "./lib/bundle.ts";
import { installNode24 } from "./lib/node24.ts";
import { say } from "./lib/run.ts";
import { countsLine, runVitest } from "./lib/vitest.ts";

/** `npm run test:node24`: runs the unit tier, which includes the test of the bundle, under Node 24. */
const node = await installNode24();
const built = "dist";
await bundle(built);
const counts = await runVitest(["unit"], process.argv.slice(2), { node, built });
say(countsLine(counts));
process.exitCode = counts.failed + counts.skipped === 0 && counts.passed > 0 ? 0 : 1;
