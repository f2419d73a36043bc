import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { CliIo } from "../agent/io.ts";
import { AgentError, describeError } from "../errors/agent-error.ts";

const PACKAGE = "switchback-tools";

/** Groups and names of commands that are complete only where a build host has installed the package. */
const TOOLS = /^(?:switchback-|mender-)?(?:artifact|image|yocto)$/;

/**
 * Runs the command again from the package with the tools, which lies beside this installation. It has the whole
 * program, so the command runs there from its beginning.
 *
 * @param missing the failure to load a chunk
 * @param commandLine name of the program and its arguments
 */
export async function runFromPackage(missing: Error, commandLine: readonly string[], io: CliIo): Promise<void> {
  if (!commandLine.some((word) => TOOLS.test(word))) throw missing;
  const own = dirname(dirname(fileURLToPath(import.meta.url)));
  const program = `${dirname(own)}/${PACKAGE}/switchback.mjs`;
  if (own === dirname(program)) throw missing;
  if (existsSync(program)) {
    await import(program);
    io.exitCode = Number(process.exitCode ?? 0);
  } else {
    const command = commandLine.filter((word) => !word.startsWith("-")).slice(0, 3);
    io.err(
      `Could not fulfill request: ${describeError(new AgentError("TOOLS_MISSING", { command: command.join(" ") }))}`,
    );
    io.exitCode = 1;
  }
}
