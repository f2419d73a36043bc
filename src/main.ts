import { basename } from "node:path";
import { processIo } from "./cli/process-io.ts";
import { run } from "./cli/run.ts";

const name = basename(process.argv[1] ?? "switchback").replace(/\.[cm]?js$/, "");
const argv = process.argv.slice(2);
const io = processIo();
await run(name, argv, io).catch(async (error: unknown) => {
  // A device has no chunks that only a build host needs.
  if (!(error instanceof Error) || !("code" in error) || error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  await (await import("./cli/tools-package.ts")).runFromPackage(error, [name, ...argv], io);
});
process.exitCode = io.exitCode;
