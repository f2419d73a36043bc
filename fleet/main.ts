import { basename } from "node:path";
import { processIo } from "../src/cli/process-io.ts";
import { FLEET, runCommandLine } from "./cli/command-line.ts";
import { MENDER_CLI } from "./cli/mender-format.ts";

const io = processIo();
const called = basename(process.argv[1] ?? FLEET, ".mjs");
await runCommandLine(process.argv.slice(2), io, called === MENDER_CLI ? called : FLEET);
process.exitCode = io.exitCode;
