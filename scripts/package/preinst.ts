import { build, type Plugin } from "esbuild";

const HEAD = `#!/usr/bin/node
// Made from scripts/package/before-unpack.ts. dpkg runs it before it removes the package of the Mender client and before
// it unpacks the agent, so it contains everything that it needs.
"use strict";
`;

/** The sentences of other codes would triple the size. */
const takeoverSentences: Plugin = {
  name: "takeover-sentences",
  setup({ onLoad }) {
    const contents = `import { TAKEOVER_ERRORS } from "./takeover-errors.ts";
      export const sentenceOf = (code) => TAKEOVER_ERRORS[code]?.doc ?? code;`;
    onLoad({ filter: /[\\/]src[\\/]errors[\\/]sentence\.ts$/ }, () => ({ contents, loader: "js" }));
  },
};

/**
 * The package's `preinst`: it refuses an upgrade while an update runs. Before a first installation it checks the Mender
 * client's store, and records the links of its folders.
 *
 * @param guard functions of the shell for a running update
 */
export async function preinst(guard: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ["scripts/package/before-unpack.ts"],
    bundle: true,
    write: false,
    platform: "node",
    // A file without an extension is a CommonJS module.
    format: "cjs",
    target: "node20",
    define: { UPDATE_GUARD: JSON.stringify(guard) },
    plugins: [takeoverSentences],
    logLevel: "silent",
  });
  return `${HEAD}${outputFiles[0]?.text.replace(/^"use strict";\n/, "") ?? ""}`;
}
