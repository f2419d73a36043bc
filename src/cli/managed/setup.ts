import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readGlobalOptions } from "../global-options.ts";
import type { SetupOptions } from "./setup-action.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("setup")
    .description("write the configuration of a device with a server; on a terminal, it asks for missing values")
    .option("--device-type <type>", "device type; an Artifact names the types that it is made for")
    .option("--server-url, --url <url>", "address of the server")
    .option("--hosted-mender", "use https://hosted.mender.io")
    .option("-E, --server-cert <file>", "also trust the certificates in this PEM file")
    .option("--tenant-token <token>", "token of your account, on a server with several tenants")
    .option("--username <email>", "get the tenant token from the server, logging in as this user")
    .option(
      "--password <password>",
      "password of that user; without it, setup asks on the terminal, so that other users cannot read it",
    )
    .option("--update-poll <seconds>", "time between two polls for updates", seconds)
    .option("--inventory-poll <seconds>", "time between two inventories", seconds)
    .option("--retry-poll <seconds>", "longest time between two attempts after a failure", seconds)
    .option("--demo-polling", "poll every few seconds, for a trial")
    .option("--demo-server", "use https://docker.mender.io, with the certificate of a demonstration server")
    .option("--demo", "--demo-server and --demo-polling")
    .option("--server-ip <address>", "write this address for the server's name into the hosts file")
    .option("--hosts-file <file>", "the hosts file", "/etc/hosts")
    .option("--rootfs-part-a <device>", "device of slot A, for the fallback file, which updates do not replace")
    .option("--rootfs-part-b <device>", "device of slot B, for the fallback file")
    .option("--quiet", "ask nothing")
    .addHelpText("after", EXAMPLES)
    .action(async (options: SetupOptions) => {
      const { setup } = await import("./setup-action.ts");
      await setup(readGlobalOptions(program), options, io);
    });
}

/** @throws {AgentError} CLI_USAGE */
function seconds(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new AgentError("CLI_USAGE", { value: text, wanted: "seconds, 1 or more" });
}

const EXAMPLES = `
Other keys of the files stay as they are. Both files get mode 0600.

Examples:
  switchback setup
  switchback setup --quiet --device-type my-board --server-url https://ota.example.com --tenant-token "$TOKEN"
  switchback setup --device-type my-board --hosted-mender --username me@example.com
  switchback setup --quiet --device-type my-board --demo --server-ip 192.168.1.20 --server-cert /etc/mender/demo.crt
  switchback setup --quiet --device-type my-board --url https://ota.example.com \\
    --rootfs-part-a /dev/mmcblk0p2 --rootfs-part-b /dev/mmcblk0p3`;
