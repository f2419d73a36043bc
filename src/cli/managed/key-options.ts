import type { Command } from "commander";

/** Options of the commands that authorise the device. */
export const addKeyOptions = (command: Command): Command =>
  command
    .option("-F, --forcebootstrap", "make a new device key; the server then treats the device as a new one")
    .option("--passphrase-file <file>", "file with the passphrase of the device key, or - for standard input");
