import { writeSync } from "node:fs";
import { runCommandLine } from "./cli/command-line.ts";
import type { ServerIo } from "./cli/io.ts";

const io: ServerIo = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  environment: process.env,
  logTo: { write: (line) => void process.stderr.write(line) },
  onSignal(listener) {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, listener);
  },
  exit: (status) => process.exit(status),
  exitCode: 0,
};
try {
  await runCommandLine(process.argv.slice(2), io);
  process.exitCode = io.exitCode;
} catch (error) {
  // A bug. Nothing that the program still holds may keep it alive.
  writeSync(2, `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
