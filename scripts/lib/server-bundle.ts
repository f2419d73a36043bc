import { chmod, cp, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { FOR_NODE } from "./bundle.ts";
import { COMMONJS } from "./harness-bundle.ts";

/** The management server, which is never on a device. */
export const SERVER = "switchback-server.mjs";

/** Bundles `server/main.ts` into one file in `outdir`, with the migrations of its database beside it. */
export async function bundleServer(outdir: string): Promise<Metafile> {
  const path = join(outdir, SERVER);
  const { outputFiles, metafile } = await build({
    entryPoints: ["server/main.ts"],
    outfile: path,
    ...FOR_NODE,
    banner: { js: `#!/usr/bin/env node\n${COMMONJS}` },
    // An optional native client, which pg tries to load and does without.
    external: ["pg-native"],
  });
  await mkdir(outdir, { recursive: true });
  await cp("server/adapters/postgres/migrations", join(outdir, "migrations"), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  await writeFile(temporary, outputFiles[0]?.contents ?? "");
  await chmod(temporary, 0o755);
  await rename(temporary, path);
  return metafile;
}
