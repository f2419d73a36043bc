import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { SCENARIO_NAMES } from "../harness/test-image.ts";
import type { TestCommandOptions } from "./test-action.ts";

export function registerTest(program: Command, io: CliIo): void {
  program
    .command("test")
    .description("try updates on a copy of an image, with reboots, rollbacks and power cuts, and report what held")
    .argument("<image>", "image of a disk; also compressed with gzip, xz or zstd")
    .requiredOption("--board <file>", "board file, which describes the machine")
    .requiredOption("--artifact <file...>", "Artifact to install; with three, each power cut meets other contents")
    .option("--scenarios <list>", `comma-separated: ${SCENARIO_NAMES.join(",")}; default: all`)
    .option("--server", "let the agent get its updates from a server, and judge what it tells the server, too")
    .option("--cuts <number>", "how often the power fails", "3")
    .option("--seed <number>", "choose other instants of the power cuts", "1")
    .option("--agent <name>", "client in the image: switchback or mender", "switchback")
    .option("--user <name>", "user to log in as over ssh: root, or one who may use sudo", "root")
    .option("--ssh-key <file>", "private key of the user; default: no password")
    .option("--start-timeout <seconds>", "how long a start may take", "600")
    .option("--boot-anyway", "boot the image even if its inspection finds something wrong")
    .option("--junit <file>", "also write the report as JUnit XML")
    .option("--json", "print one JSON object instead of lines")
    .option("--keep <folder>", "keep the disk and the console's log there")
    .option("--kvm", "let this machine's processor run the guest")
    .addHelpText("after", EXAMPLES)
    .action(async (image: string, options: TestCommandOptions) => {
      const { test } = await import("./test-action.ts");
      await test(image, options, io);
    });
}

const EXAMPLES = `
The image never changes: the machine gets a sparse copy. The image needs an ssh server, and gets its address by DHCP.
With --server, the harness starts the agent as a daemon of a server that it stands in for: an install is a deployment, a
rollback a deployment that the server cancels, and each report of the agent must be true.

Exit status:
  0  everything held
  1  something did not hold; each failed line names the fault and what to do about it

Examples:
  switchback-qemu test disk.img --board pc.yaml --artifact release-2.mender --ssh-key id_ed25519
  switchback-qemu test disk.img --board pc.yaml --artifact release-2.mender --server --scenarios install,reboot,commit
  switchback-qemu test disk.img --board pc.yaml --artifact release-2.mender --cuts 20 --seed 7 --junit report.xml`;
