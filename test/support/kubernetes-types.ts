import { join } from "node:path";
import ts from "typescript";

/** An object of an API group, a version and a kind. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * Compares manifests with the schemas of Kubernetes, as types: a missing field, a field that there is not, and a value
 * of another type are mistakes.
 *
 * @returns a line for each mistake
 */
export function mistakesOf(manifests: readonly Manifest[]): readonly string[] {
  const file = join(process.cwd(), "test/support/manifests.generated.ts");
  const source = manifests.map((manifest, index) => {
    const from = `kubernetes-types/${folderOf(manifest.apiVersion)}`;
    const value = JSON.stringify(manifest, undefined, 1);
    return `import type { ${manifest.kind} as Kind${index} } from "${from}";\nexport const a${index}: Kind${index} = ${value};\n`;
  });
  const text = source.join("");
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.readFile = (path) => (path === file ? text : readFile(path));
  host.getSourceFile = (path, target, ...more) =>
    path === file ? ts.createSourceFile(path, text, target) : getSourceFile(path, target, ...more);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText, start = 0, file: of }) => {
    const line = of?.fileName === file ? text.slice(text.lastIndexOf("\n", start) + 1, text.indexOf("\n", start)) : "";
    return `${line.trim()}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

/** The core group has no name, and the names of others may end in a domain. */
const folderOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? apiVersion.replace(/\.[^/]*/, "") : `core/${apiVersion}`;
