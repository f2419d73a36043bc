import { join } from "node:path";
import ts from "typescript";

/** The declarations that the author of an adapter imports as `switchback/ports`. */
const ENTRY = "src/ports/adapter.ts";

/**
 * Writes the declarations of the ports into `outdir`/types. `npm run check` checks their types. Here, that would take
 * most of the time of a build.
 *
 * @returns the files
 * @throws if there are none
 */
export function emitTypes(outdir: string): readonly string[] {
  const written: string[] = [];
  const program = ts.createProgram([ENTRY], {
    declaration: true,
    emitDeclarationOnly: true,
    outDir: join(outdir, "types"),
    rootDir: ".",
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    strict: true,
    noCheck: true,
    types: ["node"],
  });
  program.emit(undefined, (path, text) => {
    ts.sys.writeFile(path, text);
    written.push(path);
  });
  if (written.length === 0) throw new Error(`no declarations of ${ENTRY}`);
  return written;
}
