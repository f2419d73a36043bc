import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import type { Metafile } from "esbuild";
import { build, type InlineConfig, type Plugin, type Rolldown } from "vite";

/** The console, for browsers. It is beside the server, which serves it. */
const CONSOLE = "console";

/** What a browser loads before it shows any page, and all styles: in bytes, compressed by gzip. */
const BUDGET = { firstView: 200_000, styles: 20_000 } as const;

/** Packages of which the console has a part. A new name is a decision: the commit must give the reason. */
export const CONSOLE_PACKAGES: ReadonlySet<string> = new Set([
  ...["react", "react-dom", "scheduler", "use-sync-external-store"],
  // Data, and pages by their addresses.
  ...["@tanstack/query-core", "@tanstack/react-query", "@tanstack/history", "@tanstack/react-router"],
  ...["@tanstack/react-store", "@tanstack/router-core", "@tanstack/store"],
  // What people operate.
  ...["react-aria", "react-aria-components", "react-stately", "@internationalized/string", "clsx"],
  "@lingui/core",
]);

interface Weighed {
  readonly firstView: number;
  readonly styles: number;
  readonly problems: readonly string[];
}

/** The catalogues of texts, with their plurals taken apart already: the browser gets no parser for them. */
const words: Plugin = {
  name: "words",
  enforce: "pre",
  async load(id) {
    if (!/\/words\/\w+\.json$/.test(id)) return undefined;
    const texts = JSON.parse(await readFile(id, "utf8")) as Readonly<Record<string, string>>;
    const compiled = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, compileMessage(text)]));
    return { code: `export default ${JSON.stringify(compiled)}`, moduleType: "js" };
  },
};

/** What vite says of each chunk. */
type Manifest = Readonly<
  Record<
    string,
    {
      readonly file: string;
      readonly isEntry?: boolean;
      readonly isDynamicEntry?: boolean;
      readonly imports?: readonly string[];
      readonly css?: readonly string[];
    }
  >
>;

/**
 * Builds the console into the folder `console` of `outdir`, with compressed copies beside each text.
 *
 * @returns which files each output has bytes of, as esbuild says it of the other programs
 */
export async function bundleConsole(outdir: string): Promise<Metafile> {
  const folder = resolve(outdir, CONSOLE);
  await mkdir(folder, { recursive: true });
  const built = await asProduction({
    configFile: false,
    root: "web",
    logLevel: "error",
    plugins: [words],
    build: {
      outDir: folder,
      emptyOutDir: true,
      assetsDir: "assets",
      // A data URL would need a hole in the page's policy.
      assetsInlineLimit: 0,
      manifest: "manifest.json",
      modulePreload: { polyfill: false },
      target: ["chrome123", "firefox120", "safari17.5"],
    },
  });
  await compressAll(folder);
  const all = (Array.isArray(built) ? built : [built]) as readonly Rolldown.RolldownOutput[];
  return { inputs: {}, outputs: Object.fromEntries(all.flatMap(({ output }) => output.flatMap(outputOf))) };
}

/** Vite asks the environment which variant of each package it takes. The bytes are the same, whatever that says. */
async function asProduction(options: InlineConfig): ReturnType<typeof build> {
  const before = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = "production";
  try {
    return await build(options);
  } finally {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  }
}

function outputOf(
  chunk: Rolldown.OutputChunk | Rolldown.OutputAsset,
): readonly [string, Metafile["outputs"][string]][] {
  if (chunk.type === "asset") return [];
  const inputs = Object.entries(chunk.modules).map(([id, { renderedLength }]) => [
    relative(".", id.split("?", 1)[0] ?? ""),
    { bytesInOutput: renderedLength },
  ]);
  const bytes = Buffer.byteLength(chunk.code);
  return [[chunk.fileName, { bytes, imports: [], exports: [], inputs: Object.fromEntries(inputs) }]];
}

const zip = promisify(gzip);
const brotli = promisify(brotliCompress);

async function compressAll(folder: string): Promise<void> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(?:js|css|html|svg)$/.test(name));
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    await writeFile(join(folder, `${name}.gz`), await zip(bytes, { level: 9 }));
    const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    await writeFile(join(folder, `${name}.br`), await brotli(bytes, quality));
  }
}

/** Weighs the console in `outdir`. Of its pages the largest counts, with all that it and the start of the console load. */
export async function weighConsole(outdir: string): Promise<Weighed> {
  const folder = join(outdir, CONSOLE);
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Manifest;
  const sizeOf = async (file: string): Promise<number> => (await readFile(join(folder, `${file}.gz`))).length;
  const filesOf = (name: string, seen: Set<string>): Set<string> => {
    const chunk = manifest[name];
    if (chunk === undefined || seen.has(chunk.file)) return seen;
    seen.add(chunk.file);
    for (const one of chunk.imports ?? []) filesOf(one, seen);
    return seen;
  };
  const sum = async (files: Iterable<string>): Promise<number> => {
    let bytes = 0;
    for (const file of files) bytes += await sizeOf(file);
    return bytes;
  };
  const [entry = ""] = Object.keys(manifest).filter((name) => manifest[name]?.isEntry === true);
  const pages = Object.keys(manifest).filter((name) => name.startsWith("src/pages/"));
  let firstView = 0;
  for (const page of pages) firstView = Math.max(firstView, await sum(filesOf(page, filesOf(entry, new Set()))));
  const styles = await sum(new Set(Object.values(manifest).flatMap(({ css = [] }) => css)));
  const problems = [
    ...(pages.length === 0 ? ["the console has no pages"] : []),
    ...over("the console's first view", firstView, BUDGET.firstView),
    ...over("the console's styles", styles, BUDGET.styles),
  ];
  return { firstView, styles, problems };
}

const over = (what: string, bytes: number, allowed: number): string[] =>
  bytes > allowed ? [`${what}: ${bytes} bytes, ${allowed} are allowed`] : [];
