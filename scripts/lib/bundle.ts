import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { reachedStatically } from "./bundle-budget.ts";
import { errorSentences, SENTENCES_FILE, sentencesText } from "./error-sentences.ts";
import { mergeChunks, type Texts } from "./merge-chunks.ts";

/** Name of the executable in the output folder. The chunks that it loads on demand are in `chunks/`. */
const ENTRY = "switchback.mjs";

/**
 * CommonJS packages call `require` for Node's own modules. An ES module has no `require`: without this line, such calls
 * fail at run time with "Dynamic require". Only chunks with such a call get it, so that the entry stays small.
 */
const REQUIRE = "const require=process.getBuiltinModule;";
const SHEBANG = "#!/usr/bin/env node\n";
const CALLS_REQUIRE = 'typeof require<"u"';

/** Commander loads child_process, and with it the network code, for commands that are programs. We have none. */
const leanCommander: Plugin = {
  name: "lean-commander",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path, namespace: "unused" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};" }));
  },
};

/** What all our bundles have in common. */
export const FOR_NODE = {
  bundle: true,
  minify: true,
  metafile: true,
  write: false,
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "none",
  logLevel: "silent",
} as const;

/**
 * Bundles `src/main.ts` and everything below it into `outdir`. Each complete file is renamed into place, so that a
 * program that starts meanwhile finds either the old bundle or the new one.
 */
export async function bundle(outdir: string, entry = "src/main.ts"): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    entryPoints: [{ in: entry, out: "switchback" }],
    outdir,
    ...FOR_NODE,
    splitting: true,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    plugins: [leanCommander, errorSentences],
  });
  const texts: Texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  await mergeChunks(texts, commonChunks(metafile));
  const sentences = sentencesText();
  texts.set(SENTENCES_FILE, sentences);
  metafile.outputs[`${outdir}/chunks/${SENTENCES_FILE}`] = {
    bytes: Buffer.byteLength(sentences),
    inputs: {},
    imports: [],
    exports: [],
  };
  await mkdir(join(outdir, "chunks"), { recursive: true });
  for (const [name, text] of [...texts].toSorted(([a], [b]) => Number(a === ENTRY) - Number(b === ENTRY))) {
    const path = name === ENTRY ? join(outdir, name) : join(outdir, "chunks", name);
    await writeFile(
      `${path}.${process.pid}.new`,
      name === ENTRY ? `${SHEBANG}${withRequire(text)}` : withRequire(text),
    );
    if (name === ENTRY) await chmod(`${path}.${process.pid}.new`, 0o755);
    await rename(`${path}.${process.pid}.new`, path);
  }
  const old = (await readdir(join(outdir, "chunks"))).filter((name) => name.endsWith(".mjs") && !texts.has(name));
  await Promise.all(old.map((name) => rm(join(outdir, "chunks", name), { force: true })));
  return metafile;
}

/**
 * Modules that commands need together, the most common group first. A chunk belongs to the first group that needs it. A
 * group with several lists takes the chunks that every list needs. The daemon has its own group, because it keeps what
 * it loads for months.
 */
const TOGETHER: Readonly<Record<string, readonly (readonly string[])[]>> = {
  start: [["src/main.ts"]],
  look: [["src/cli/update/show-artifact.ts", "src/cli/managed/poll-due.ts"]],
  agent: [
    ["src/cli/update/install-action.ts", "src/cli/update/continue-action.ts"],
    ["src/cli/managed/daemon-action.ts"],
  ],
  daemon: [["src/cli/managed/daemon-action.ts"]],
  update: [["src/cli/update/install-action.ts", "src/cli/update/continue-action.ts"]],
};

/** The chunks to merge, by the name of the merged chunk. Entry points stay separate, because imports name them. */
function commonChunks({ outputs }: Metafile): ReadonlyMap<string, readonly string[]> {
  const taken = new Set<string>();
  const reachedFrom = (entries: readonly string[]): readonly string[] =>
    reachedStatically(
      outputs,
      Object.keys(outputs).filter((path) => entries.includes(outputs[path]?.entryPoint ?? "")),
    );
  return new Map(
    Object.entries(TOGETHER).map(([name, lists]) => {
      const [first = [], ...others] = lists.map(reachedFrom);
      const members = first.filter(
        (path) =>
          outputs[path]?.entryPoint === undefined &&
          !taken.has(path) &&
          others.every((reached) => reached.includes(path)),
      );
      for (const member of members) taken.add(member);
      // Without the folder: the names of the chunks must not depend on it.
      const names = members.map((path) => basename(path));
      const key = createHash("sha256").update(names.join("\n")).digest("hex").slice(0, 8);
      return [`${name}-${key}.mjs`, names];
    }),
  );
}

const withRequire = (text: string): string => (text.includes(CALLS_REQUIRE) ? `${REQUIRE}\n${text}` : text);
