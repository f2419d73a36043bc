import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { jsonLine } from "../one-line.ts";
import type { DumpOptions } from "./dump.ts";

export function registerDump(artifact: Command, io: CliIo): void {
  artifact
    .command("dump")
    .description("take an Artifact apart, and print the command line that would write it again")
    .argument("<artifact>", "Artifact file")
    .option("--files <folder>", "put the payload's files into this folder")
    .option("--meta-data <folder>", "put the payload's meta-data into this folder")
    .option("--scripts <folder>", "put the state scripts into this folder")
    .option("--print-cmdline", "print the arguments that write the Artifact again from these files")
    .option("--print0-cmdline", "the same, with a null character behind each argument instead of quotes")
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object with these arguments as a list")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: DumpOptions) => {
      const { dump, printed0 } = await import("./dump.ts");
      const { readingProgress } = await import("./verify-options.ts");
      const progress = await readingProgress(path, options, io);
      const words = await dump(path, options, progress.advance, io.signal).finally(progress.done);
      if (options.json === true) io.out(jsonLine({ path, arguments: words }));
      else if (options.printCmdline === true) io.out(words.map(quoted).join(" "));
      else if (options.print0Cmdline === true) await printed0(words);
    });
}

/** A word for a POSIX shell. */
const quoted = (word: string): string => (/^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const EXAMPLES = `
No file that exists is replaced. The arguments have neither --output-path nor --key: add yours.

Examples:
  switchback artifact dump --files files --scripts scripts --meta-data meta-data release-2.mender
  switchback artifact dump --files files --print0-cmdline release-2.mender | xargs -0 switchback artifact`;
