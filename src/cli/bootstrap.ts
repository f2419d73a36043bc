import type { Command } from "commander";
import type { KeyOptions } from "../compose-server.ts";
import { resolvePaths } from "../config/paths.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { addKeyOptions } from "./key-options.ts";
import { underBothLocks } from "./under-lock.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("bootstrap")
    .description("make the device key, and ask the server to accept the device")
    .addHelpText("after", EXAMPLES);
  addKeyOptions(command).action((options: KeyOptions) =>
    underBothLocks(resolvePaths(readGlobalOptions(program), io.env), io, async () => {
      const { bootstrap } = await import("./bootstrap-action.ts");
      return () => bootstrap(program, options, io);
    }),
  );
}

const EXAMPLES = `
Without a server in mender.conf only the key is made. Exit status: 0 done, 1 failed, or not accepted yet.
Beside a daemon it is refused and changes nothing: the daemon does all of it itself.

Examples:
  switchback bootstrap
  switchback bootstrap --passphrase-file /etc/mender/passphrase`;
