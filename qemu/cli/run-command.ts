import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import type { RunOptions } from "./run-action.ts";

export function registerRun(program: Command, io: CliIo): void {
  program
    .command("run")
    .description("boot a copy of an image, with its console on the terminal and ssh")
    .argument("<image>", "image of a disk; also compressed with gzip, xz or zstd")
    .requiredOption("--board <file>", "board file, which describes the machine")
    .option("--keep <folder>", "keep the disk there, and use it again the next time")
    .option("--user <name>", "user to log in as over ssh", "root")
    .option("--ssh-key <file>", "private key of the user; default: no password")
    .option("--kvm", "let this machine's processor run the guest")
    .addHelpText("after", EXAMPLES)
    .action(async (image: string, options: RunOptions) => {
      const { runImage } = await import("./run-action.ts");
      await runImage(image, options, io);
    });
}

const EXAMPLES = `
The image never changes: the machine gets a sparse copy. Ctrl-C cuts the power.

Examples:
  switchback-qemu run disk.img --board pc.yaml
  switchback-qemu run disk.img.xz --board pc.yaml --keep /tmp/board`;
