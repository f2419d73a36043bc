import { basename } from "node:path";
import { processIo } from "./cli/process-io.ts";
import { run } from "./cli/run.ts";

const name = basename(process.argv[1] ?? "switchback").replace(/\.[cm]?js$/, "");
const io = processIo();
await run(name, process.argv.slice(2), io);
process.exitCode = io.exitCode;
