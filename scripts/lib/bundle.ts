import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";

/** Name of the executable in the output folder; the chunks it loads when it needs them lie in `chunks/`. */
const ENTRY = "switchback.mjs";

/**
 * CommonJS packages call `require` for Node's own modules, which an ES module does not have: without this
 * they die at run time with "Dynamic require". Only chunks that hold such a call get it, so that the entry
 * does not pay for it.
 */
const REQUIRE =
  'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);';
const SHEBANG = "#!/usr/bin/env node\n";
const CALLS_REQUIRE = 'typeof require<"u"';

/**
 * Bundles `src/main.ts` and everything below it into `outdir`. Each file is moved into its place whole, so
 * that a program started meanwhile finds either the old bundle or the new one.
 */
export async function bundle(outdir: string, entry = "src/main.ts"): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    entryPoints: [{ in: entry, out: "switchback" }],
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    legalComments: "none",
    logLevel: "silent",
  });
  const kept = new Set<string>();
  await mkdir(join(outdir, "chunks"), { recursive: true });
  for (const { path, text } of outputFiles.toSorted((a, b) => Number(isEntry(a.path)) - Number(isEntry(b.path)))) {
    await writeFile(`${path}.${process.pid}.new`, isEntry(path) ? `${SHEBANG}${withRequire(text)}` : withRequire(text));
    if (isEntry(path)) await chmod(`${path}.${process.pid}.new`, 0o755);
    await rename(`${path}.${process.pid}.new`, path);
    kept.add(path.slice(path.lastIndexOf("/") + 1));
  }
  const old = (await readdir(join(outdir, "chunks"))).filter((name) => name.endsWith(".mjs") && !kept.has(name));
  await Promise.all(old.map((name) => rm(join(outdir, "chunks", name), { force: true })));
  return metafile;
}

const isEntry = (path: string): boolean => path.endsWith(`/${ENTRY}`);

const withRequire = (text: string): string => (text.includes(CALLS_REQUIRE) ? `${REQUIRE}\n${text}` : text);
