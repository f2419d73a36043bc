// Runs scripts/NAME.ts. Node 20 cannot strip types, so esbuild bundles the script first. Only this file must be plain
// JavaScript.
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const name = basename(process.argv[2] ?? "");
const folder = join(root, "node_modules/.cache/switchback/scripts");
const outfile = join(folder, `${name}-${process.pid}.mjs`);

process.chdir(root);
if (process.argv.slice(3).some((arg) => arg === "--help" || arg === "-h")) {
  const source = await readFile(join(root, "scripts", `${name}.ts`), "utf8");
  const [, comment = ""] = /^\/\*\*(.*?)\*\//ms.exec(source) ?? [];
  const text = comment.replace(/^ ?\* ?/gm, "").trim();
  process.stdout.write(`${text === "" ? `scripts/${name}.ts takes no options.` : text}\n`);
  process.exit();
}
await mkdir(folder, { recursive: true });
await build({
  entryPoints: [join(root, "scripts", `${name}.ts`)],
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  logLevel: "error",
});
process.setSourceMapsEnabled(true);
process.argv.splice(1, 2, outfile);
try {
  await import(pathToFileURL(outfile).href);
} catch (error) {
  // For errors of esbuild in our sources, and of Node in the arguments, the message is enough: the stack is their code.
  const isOurs = error?.errors === undefined && !String(error?.code).startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`${isOurs ? (error?.stack ?? error) : `${error.message} (--help lists the options)`}\n`);
  process.exitCode = 1;
} finally {
  await rm(outfile, { force: true });
}
