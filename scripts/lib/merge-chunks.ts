import { build, type Plugin } from "esbuild";

/** Texts of a bundle's chunks, and of the files that import them, by file name. */
export type Texts = Map<string, string>;

/**
 * Merges each group of chunks into one: Node takes about a millisecond to load a file, and the bundler makes a chunk of
 * every few modules that some commands share. Imports of a member then import the merged chunk.
 *
 * @param groups names of files; a member may import only members of its own group and of the groups before it
 */
export async function mergeChunks(texts: Texts, groups: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [name, members] of groups) {
    const merged = await mergedText(texts, members);
    for (const member of members) texts.delete(member);
    for (const [file, text] of texts) texts.set(file, importingFrom(text, name, members));
    texts.set(name, merged);
  }
}

/** Exports everything that the members exported, under names that start with the member's place in the group. */
async function mergedText(texts: Texts, members: readonly string[]): Promise<string> {
  const contents = members.map((member, at) => {
    const names = exportedNames(texts.get(member) ?? "");
    const list = names.map((name) => `${name} as ${renamed(at, name)}`);
    return names.length === 0 ? `import"./${member}";` : `export{${list.join(",")}}from"./${member}";`;
  });
  const { outputFiles } = await build({
    stdin: { contents: contents.join("\n"), resolveDir: "/" },
    bundle: true,
    write: false,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "silent",
    plugins: [fromTexts(texts, new Set(members))],
  });
  return outputFiles[0]?.text ?? "";
}

const fromTexts = (texts: Texts, members: ReadonlySet<string>): Plugin => ({
  name: "from-texts",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, ({ path, kind }) => {
      const file = path.slice(2);
      if (members.has(file)) return { path: file, namespace: "chunk" };
      if (path.startsWith("node:")) return { path, external: true };
      if (kind === "import-statement" && !texts.has(file)) throw new Error(`${path} is in no group before this one`);
      return { path, external: true };
    });
    onLoad({ filter: /.*/, namespace: "chunk" }, ({ path }) => ({ contents: texts.get(path) ?? "" }));
  },
});

const renamed = (at: number, name: string): string => `m${at}_${name}`;

/** The bundler puts the exports at the end of a chunk. */
function exportedNames(text: string): readonly string[] {
  const list = /export\{([^}]*)\};?\s*$/.exec(text)?.[1] ?? "";
  return list
    .split(",")
    .filter((part) => part !== "")
    .map((part) => part.split(" as ").at(-1) ?? part);
}

function importingFrom(text: string, merged: string, members: readonly string[]): string {
  return text.replace(/import(?:\{([^}]*)\}from)?"([^"]*\/)([^"/]+)"/g, (whole, list, folder, file) => {
    const at = members.indexOf(file);
    if (at < 0) return whole;
    if (list === undefined) return `import"${folder}${merged}"`;
    const names = list.split(",").map((part: string) => {
      const [name = part, local = name] = part.split(" as ");
      return `${renamed(at, name)} as ${local}`;
    });
    return `import{${names.join(",")}}from"${folder}${merged}"`;
  });
}
