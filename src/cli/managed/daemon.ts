import { type Command, Option } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { KeyOptions } from "../../agent/managed/server.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import { readGlobalOptions } from "../global-options.ts";
import { addKeyOptions } from "./key-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("daemon")
    .description("poll the server for updates and install them")
    .addHelpText("after", EXAMPLES);
  command.addOption(new Option("--worker", "does one piece of work for the daemon that has started it").hideHelp());
  addKeyOptions(command).action(async ({ worker, ...options }: KeyOptions & { worker?: true }) => {
    const globals = readGlobalOptions(program);
    if (worker === true) {
      const { runJob } = await import("../../agent/managed/job.ts");
      return await runJob(globals, options, io);
    }
    io.staysIdle?.();
    const { daemon } = await import("./daemon-action.ts");
    try {
      await daemon(globals, options, io);
    } catch (error) {
      if (!(error instanceof AgentError && REFUSED.has(error.code))) throw error;
      io.err(`Could not fulfill request: ${describeError(error)}`);
      io.exitCode = EXIT_CONFIG;
    }
  });
}

/** As in sysexits.h. A service manager must not restart the daemon: a restart does not fix the configuration. */
const EXIT_CONFIG = 78;
const REFUSED: ReadonlySet<string> = new Set(["CONFIG_INVALID", "SERVER_PLAIN_HTTP"]);

const EXAMPLES = `
SIGUSR1 makes it poll now and SIGUSR2 makes it send the inventory now; 'check-update' and 'send-inventory' send these
signals. SIGTERM stops it. After the next start it continues the work that it was doing.

Exit status:
  0  stopped by a signal
  1  failed
  4  the virtual board needs a reboot
  78  the configuration is refused

Examples:
  switchback daemon
  switchback -c demo-board/etc/mender.conf -d demo-board/data daemon`;
