import { join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { FOR_NODE } from "./bundle.ts";
import { writeProgram } from "./write-program.ts";

/** The harness for images under QEMU, which is for build hosts and never on a device. */
export const HARNESS = "switchback-qemu.mjs";

/** ES modules have neither of these, and CommonJS packages use all of them. */
export const COMMONJS = [
  'import { createRequire as requireFrom } from "node:module";',
  "const require = requireFrom(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;",
].join("\n");

/** ssh2 tries to load native code, and works without it. */
const withoutNativeCode: Plugin = {
  name: "without-native-code",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, namespace: "native" }));
    onLoad({ filter: /.*/, namespace: "native" }, () => ({ contents: 'throw new Error("not in the bundle");' }));
  },
};

export interface HarnessBudget {
  readonly packages: ReadonlySet<string>;
  readonly bytes: number;
}

/** A new name or a larger number is a decision: the commit must give the reason. */
export const HARNESS_BUDGET: HarnessBudget = {
  // ssh2 and what it needs: the scenarios run over ssh.
  packages: new Set(["commander", "zod", "js-yaml", "ssh2", "asn1", "bcrypt-pbkdf", "safer-buffer", "tweetnacl"]),
  bytes: 750_000,
};

export interface WeighedHarness {
  readonly bytes: number;
  readonly problems: readonly string[];
}

/** Bundles `qemu/main.ts` into one file in `outdir`, which is renamed into place when it is complete. */
export async function bundleHarness(outdir: string): Promise<Metafile> {
  const path = join(outdir, HARNESS);
  const { outputFiles, metafile } = await build({
    entryPoints: ["qemu/main.ts"],
    outfile: path,
    ...FOR_NODE,
    banner: { js: `#!/usr/bin/env node\n${COMMONJS}` },
    plugins: [withoutNativeCode],
  });
  await writeProgram(path, outputFiles[0]?.contents ?? "");
  return metafile;
}

/** Weighs the harness against its budget, which is apart from that of the program for devices. */
export function weighHarness({ outputs }: Metafile, budget: HarnessBudget, what = "harness"): WeighedHarness {
  const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0);
  const names = new Set(
    Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs).flatMap((input) => packageOf(input) ?? [])),
  );
  const unknown = [...names].filter((name) => !budget.packages.has(name));
  return {
    bytes,
    problems: [
      ...unknown.map((name) => `new package of the ${what}: ${name}`),
      ...(bytes > budget.bytes ? [`the ${what}: ${bytes} bytes, ${budget.bytes} are allowed`] : []),
      ...(bytes === 0 ? [`the ${what} is empty`] : []),
    ],
  };
}

const packageOf = (input: string): string | undefined => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
