/**
 * Measures the product against its peers in the same run, alternating, and prints medians and ratios.
 * The figures are for people; no test depends on them.
 *
 *   npm run bench                      everything
 *   npm run bench -- install startup   some sections
 *   npm run bench -- --rounds 9        more rounds
 *   npm run bench -- install --sizes 256
 *                                      images of these sizes, in MiB
 */
import { parseArgs } from "node:util";
import { benchDaemon } from "./lib/bench-daemon.ts";
import { benchDisk } from "./lib/bench-disk.ts";
import { benchInstall } from "./lib/bench-install.ts";
import { benchPayload } from "./lib/bench-payload.ts";
import { benchStartup } from "./lib/bench-startup.ts";
import { benchWrite } from "./lib/bench-write.ts";

const SECTIONS: Readonly<Record<string, (rounds: number, sizesMib: readonly number[]) => Promise<string>>> = {
  install: benchInstall,
  startup: benchStartup,
  payload: benchPayload,
  write: benchWrite,
  daemon: benchDaemon,
  image: benchDisk,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, sizes: { type: "string", default: "256,1024" } },
});
const names = positionals.length === 0 ? Object.keys(SECTIONS) : positionals;
for (const name of names) {
  const section = SECTIONS[name];
  if (section === undefined) throw new Error(`unknown section ${name}; known: ${Object.keys(SECTIONS).join(", ")}`);
  process.stdout.write(
    `\n## ${name}\n\n${await section(Number(values.rounds), values.sizes.split(",").map(Number))}\n`,
  );
}
