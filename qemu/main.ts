import { processIo } from "../src/cli/process-io.ts";
import { runCommandLine } from "./cli/command-line.ts";

const io = processIo();
await runCommandLine(process.argv.slice(2), io);
process.exitCode = io.exitCode;
