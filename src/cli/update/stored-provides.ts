import { existsSync } from "node:fs";
import type { Command } from "commander";
import { localActs, localReads } from "../../agent/files.ts";
import { thisHost } from "../../agent/host.ts";
import type { CliIo } from "../../agent/io.ts";
import { composeLock } from "../../agent/lock.ts";
import { createLogger } from "../../agent/logging.ts";
import { composeStore } from "../../agent/store.ts";
import { resolvePaths } from "../../config/paths.ts";
import { type DeviceProvides, isSeeded, readProvides } from "../../core/install/provides.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readGlobalOptions } from "../global-options.ts";

/**
 * The provides that the device has stored. Seeds them first if the device has none. If they cannot be stored, returns
 * what would be stored. Does not create a missing datastore, whose name may be mistyped.
 */
export async function storedProvides(program: Command, io: CliIo): Promise<DeviceProvides> {
  const options = readGlobalOptions(program);
  const log = createLogger(io, options, "warning");
  const paths = resolvePaths(options, io.env);
  const { host } = io;
  const files = host?.files ?? localActs;
  const store = composeStore(paths, log, host);
  const stored = await store.load();
  if (isSeeded(stored)) {
    await files.remove(paths.bootstrapArtifact).catch(() => {
      // ignored: this user may not delete it; the next install does.
    });
    return readProvides(stored);
  }
  const [{ firstProvides, seedProvides }, { loadConfig }, { composePaths }, { runsOnTrial }] = await Promise.all([
    import("../../core/install/seed.ts"),
    import("../../config/config.ts"),
    import("../../agent/paths.ts"),
    import("../../agent/device/trial.ts"),
  ]);
  const configFiles = { main: paths.mainConfig, fallback: paths.fallbackConfig };
  const config = await loadConfig({ ...configFiles, mainRequired: false, fallbackRequired: false }, () => undefined);
  const places = composePaths(paths, config);
  const unrecorded = async (): Promise<DeviceProvides> => {
    const first = await firstProvides(places, log, localReads);
    return first === undefined || first === "unreadable" ? readProvides(stored) : first;
  };
  if (!existsSync(paths.datastore)) return await unrecorded();
  try {
    const release = await composeLock(paths, host).acquire();
    try {
      await seedProvides(
        store,
        places,
        log,
        () => runsOnTrial({ config, host: host ?? thisHost, log }),
        files,
        localReads,
      );
    } finally {
      await release();
    }
  } catch (error) {
    // ignored: another agent works on this device, or this process may not write. The next install seeds the store.
    if (!(error instanceof AgentError) || !CANNOT_RECORD.has(error.code)) throw error;
    return await unrecorded();
  }
  const now = await store.load();
  return now.has("artifact-name") ? readProvides(now) : await unrecorded();
}

const CANNOT_RECORD: ReadonlySet<string> = new Set(["AGENT_BUSY", "LOCK_FAILED", "STORE_WRITE"]);
