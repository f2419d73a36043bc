import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { FOR_NODE } from "./bundle.ts";
import { writeProgram } from "./write-program.ts";

/** The operators' command line, which is never on a device. */
export const FLEET = "switchback-fleet.mjs";

const REQUIRE = "const require=process.getBuiltinModule;";

/** A larger number is a decision: the commit must give the reason. */
export const FLEET_BYTES = 180_000;

/** Bundles `fleet/main.ts` into one file in `outdir`, which is renamed into place when it is complete. */
export async function bundleFleet(outdir: string): Promise<Metafile> {
  const path = join(outdir, FLEET);
  const { outputFiles, metafile } = await build({
    entryPoints: ["fleet/main.ts"],
    outfile: path,
    ...FOR_NODE,
    banner: { js: `#!/usr/bin/env node\n${REQUIRE}` },
  });
  await writeProgram(path, outputFiles[0]?.contents ?? "");
  return metafile;
}
