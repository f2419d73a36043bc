import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { KeyOptions } from "../../agent/managed/server.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";
import { underBothLocks } from "../under-lock.ts";
import { addKeyOptions } from "./key-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("bootstrap")
    .description("make the device key and ask the server to accept the device")
    .addHelpText("after", EXAMPLES);
  addKeyOptions(command).action((options: KeyOptions) =>
    underBothLocks(resolvePaths(readGlobalOptions(program), io.env), io, async () => {
      const { bootstrap } = await import("./bootstrap-action.ts");
      return () => bootstrap(program, options, io);
    }),
  );
}

const EXAMPLES = `
Without a server in mender.conf, it only makes the key. While a daemon runs, it fails and changes nothing, because the
daemon does all of this.

Exit status:
  0  the server accepts the device, or no server is configured
  1  failed, or the server does not accept the device yet

Examples:
  switchback bootstrap
  switchback bootstrap --passphrase-file /etc/mender/passphrase`;
