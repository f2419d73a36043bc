import { join } from "node:path";
import type { Machine } from "./compose-machine.ts";
import type { Config } from "./config/config.ts";
import type { Paths } from "./config/paths.ts";
import { createScriptRunner, type ScriptRunner } from "./core/scripts/runner.ts";
import type { Logger } from "./util/logger.ts";

/** Where the scripts of an Artifact lie from its installation on, also after the reboot. */
export const artifactScripts = (paths: Paths): string => join(paths.datastore, "scripts");

export function composeScripts({ stateScripts }: Config, paths: Paths, log: Logger, machine: Machine): ScriptRunner {
  return createScriptRunner({
    process: machine.process({ graceMs: 10_000 }),
    clock: machine.clock,
    log,
    folders: { rootfs: join(paths.confDir, "scripts"), artifact: artifactScripts(paths) },
    timeouts: {
      timeoutMs: stateScripts.timeoutSeconds * 1000,
      retryIntervalMs: stateScripts.retryIntervalSeconds * 1000,
      retryTimeoutMs: stateScripts.retryTimeoutSeconds * 1000,
    },
  });
}
