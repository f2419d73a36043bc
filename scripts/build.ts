import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "./lib/bundle.ts";
import { BUDGET, toolsOnly, weigh } from "./lib/bundle-budget.ts";
import { bundleConsole, weighConsole } from "./lib/console-bundle.ts";
import { emitTypes } from "./lib/emit-types.ts";
import { bundleFleet, FLEET, FLEET_BYTES } from "./lib/fleet-bundle.ts";
import { bundleHarness, HARNESS, HARNESS_BUDGET, weighHarness } from "./lib/harness-bundle.ts";
import { say } from "./lib/run.ts";
import { bundleServer, foreignInputs, SERVER, weighServer } from "./lib/server-bundle.ts";
import { shipScripts } from "./lib/ship-scripts.ts";

/**
 * `npm run build`: writes all files for a device into `dist/`, and the harness for images under QEMU into `dist/qemu/`.
 * `--quiet` prints no list of packages.
 */
const quiet = process.argv.includes("--quiet");
const metafile = await bundle("dist");
const { byPackage, totalBytes, toolsBytes, startBytes, residentBytes, problems } = weigh(metafile, BUDGET);

const scripts = await shipScripts("dist");
// A build of an image that has no metafile leaves these files out of the device.
const tools = toolsOnly(metafile.outputs).map((path) => `${path.slice("dist/".length)}\n`);
await writeFile("dist/tools.txt", tools.toSorted().join(""));
emitTypes("dist");

if (!quiet) for (const [name, bytes] of byPackage) say(`${String(bytes).padStart(8)}  ${name}`);
if (!quiet)
  say(
    `dist/switchback.mjs: ${totalBytes} bytes for a device, ${startBytes} at start-up, ${residentBytes} that the daemon keeps; ${toolsBytes} more for build hosts; beside it ${scripts.length} scripts`,
  );
const harness = weighHarness(await bundleHarness(join("dist", "qemu")), HARNESS_BUDGET);
if (!quiet) say(`dist/qemu/${HARNESS}: ${harness.bytes} bytes, for build hosts only`);
const server = weighServer(await bundleServer(join("dist", "server")));
if (!quiet) say(`dist/server/${SERVER}: ${server.bytes} bytes, for servers only`);
await bundleConsole(join("dist", "server"));
const pages = await weighConsole(join("dist", "server"));
if (!quiet)
  say(`dist/server/console: ${pages.firstView} bytes for the first view, ${pages.styles} of styles, both compressed`);
const fleet = Object.values((await bundleFleet(join("dist", "fleet"))).outputs).reduce(
  (sum, { bytes }) => sum + bytes,
  0,
);
if (!quiet) say(`dist/fleet/${FLEET}: ${fleet} bytes, for operators only`);
const tooLarge = fleet > FLEET_BYTES ? [`the operators' command line: ${fleet} bytes, ${FLEET_BYTES} are allowed`] : [];
const over = [
  ...problems,
  ...foreignInputs(metafile),
  ...harness.problems,
  ...server.problems,
  ...pages.problems,
  ...tooLarge,
];
for (const problem of over) say(`over budget: ${problem}`);
process.exitCode = over.length === 0 ? 0 : 1;
