import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./lib/bundle.ts";
import { bundleConsole } from "./lib/console-bundle.ts";
import { bundleFleet } from "./lib/fleet-bundle.ts";
import { bundleHarness } from "./lib/harness-bundle.ts";
import { say } from "./lib/run.ts";
import { bundleServer } from "./lib/server-bundle.ts";
import { shipScripts } from "./lib/ship-scripts.ts";
import { buildPackages } from "./package/packages.ts";
import { describeRelease } from "./package/release.ts";

/**
 * `npm run package [-- --output DIR]`: builds the Debian packages, the tarball, their SBOMs and SHA256SUMS into
 * `dist/packages`, or into DIR.
 *
 * The same source and SOURCE_DATE_EPOCH (default: the time of the last commit) give the same bytes. DEBFULLNAME and
 * DEBEMAIL name the maintainer of the packages.
 */
const { values } = parseArgs({ options: { output: { type: "string", default: "dist/packages" } } });

const work = await mkdtemp(join(tmpdir(), "switchback-package-"));
try {
  const dist = join(work, "dist");
  const programs = {
    metafile: await bundle(dist),
    harness: await bundleHarness(join(dist, "qemu")),
    server: await bundleServer(join(dist, "server")),
    console: await bundleConsole(join(dist, "server")),
    fleet: await bundleFleet(join(dist, "fleet")),
  };
  await shipScripts(dist);
  const release = await describeRelease(dist, programs, process.env);
  for (const name of await buildPackages(release, values.output)) {
    const { size } = await stat(join(values.output, name));
    say(`${String(size).padStart(8)}  ${join(values.output, name)}`);
  }
} finally {
  await rm(work, { recursive: true });
}
