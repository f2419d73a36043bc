import type { Command } from "commander";
import { composeLock } from "../compose-lock.ts";
import { composeStore } from "../compose-store.ts";
import { resolvePaths } from "../config/paths.ts";
import { type DeviceProvides, isSeeded, readProvides } from "../core/install/provides.ts";
import { AgentError } from "../errors/agent-error.ts";
import { diskActs } from "../util/durable-file.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { createLogger } from "./logging.ts";

/** What the device records of itself, seeded first on a device that has never been asked. */
export async function storedProvides(program: Command, io: CliIo): Promise<DeviceProvides> {
  const options = readGlobalOptions(program);
  const log = createLogger(io, options, "warning");
  const paths = resolvePaths(options, io.env);
  const { machine } = io;
  const files = machine?.files ?? diskActs;
  const store = composeStore(paths, log, machine);
  const stored = await store.load();
  if (isSeeded(stored)) {
    await files.remove(paths.bootstrapArtifact).catch(() => {
      // ignored: this user may not delete it, and the next install does.
    });
    return readProvides(stored);
  }
  const { seedProvides } = await import("../core/install/seed.ts");
  try {
    const release = await composeLock(paths, machine).acquire();
    try {
      await seedProvides(store, paths, log, files);
    } finally {
      await release();
    }
  } catch (error) {
    // ignored: another agent is at work on this device and seeds it itself; what is recorded is shown.
    if (!(error instanceof AgentError) || error.code !== "AGENT_BUSY") throw error;
  }
  return readProvides(await store.load());
}
