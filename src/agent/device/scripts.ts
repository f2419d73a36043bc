import { join } from "node:path";
import { diskReads } from "../../../adapters/files/disk.ts";
import type { Paths } from "../../config/paths.ts";
import { createScriptRunner, type ScriptRunner } from "../../core/scripts/runner.ts";
import type { Base } from "../base.ts";
import { composePrograms } from "./programs.ts";

/** Where the state scripts of an Artifact lie once it is installed. They survive the reboot. */
export const artifactScripts = (paths: Paths): string => join(paths.datastore, "scripts");

export function composeScripts(base: Pick<Base, "config" | "paths" | "log" | "host">): ScriptRunner {
  const { config, paths, log, host } = base;
  const { stateScripts } = config;
  return createScriptRunner({
    process: composePrograms(base, { graceMs: 10_000 }),
    reads: diskReads,
    clock: host.clock,
    log,
    folders: { rootfs: join(paths.confDir, "scripts"), artifact: artifactScripts(paths) },
    timeouts: {
      timeoutMs: stateScripts.timeoutSeconds * 1000,
      retryIntervalMs: stateScripts.retryIntervalSeconds * 1000,
      retryTimeoutMs: stateScripts.retryTimeoutSeconds * 1000,
    },
  });
}
