/**
 * Measures the product against its peers in the same run, alternating, and prints medians and ratios.
 * These are figures for people; no test depends on them.
 *
 *   npm run bench                      everything
 *   npm run bench -- install startup   some sections
 *   npm run bench -- --rounds 9        more rounds
 */
import { parseArgs } from "node:util";
import { benchInstall } from "./lib/bench-install.ts";
import { benchPayload } from "./lib/bench-payload.ts";
import { benchStartup } from "./lib/bench-startup.ts";
import { benchWrite } from "./lib/bench-write.ts";

const SECTIONS: Readonly<Record<string, (rounds: number) => Promise<string>>> = {
  install: benchInstall,
  startup: benchStartup,
  payload: benchPayload,
  write: benchWrite,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" } },
});
const names = positionals.length === 0 ? Object.keys(SECTIONS) : positionals;
for (const name of names) {
  const section = SECTIONS[name];
  if (section === undefined) throw new Error(`unknown section ${name}; known: ${Object.keys(SECTIONS).join(", ")}`);
  process.stdout.write(`\n## ${name}\n\n${await section(Number(values.rounds))}\n`);
}
