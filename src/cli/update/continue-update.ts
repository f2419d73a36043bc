import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import type { StandaloneCommand } from "../../core/deployment/report.ts";
import { readGlobalOptions } from "../global-options.ts";
import { withJsonFailure } from "../json-failure.ts";
import { underLock } from "../under-lock.ts";
import type { RunOptions } from "./run-options.ts";

/** Continues a pending update: commit, rollback, resume. */
export function continueUpdate(
  command: Exclude<StandaloneCommand, "install">,
  program: Command,
  options: RunOptions,
  io: CliIo,
): Promise<void> {
  return withJsonFailure(command, options, io, () =>
    underLock(resolvePaths(readGlobalOptions(program), io.env), io, async () => {
      const { continueUpdate } = await import("./continue-action.ts");
      return () => continueUpdate(command, program, options, io);
    }),
  );
}
