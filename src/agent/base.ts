import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { type Paths, resolvePaths } from "../config/paths.ts";
import type { Logger } from "../util/logger.ts";
import { composeConfig } from "./config.ts";
import { type Host, thisHost } from "./host.ts";
import type { CliIo } from "./io.ts";
import { createLogger } from "./logging.ts";
import type { GlobalOptions } from "./options.ts";
import { composePaths } from "./paths.ts";

/** The base of every part of the agent. A command reads it once, when it starts. */
export interface Base {
  readonly options: GlobalOptions;
  readonly env: CliIo["env"];
  readonly host: Host;
  readonly config: Config;
  readonly paths: Paths;
  readonly deviceTypeFile: string;
  readonly log: Logger;
}

/** @throws {AgentError} CONFIG_INVALID */
export async function composeBase(options: GlobalOptions, io: CliIo): Promise<Base> {
  const { env, host = thisHost } = io;
  const log = createLogger(io, options);
  const places = resolvePaths(options, env);
  const config = await composeConfig(options, places, log);
  const paths = composePaths(places, config);
  const deviceTypeFile = config.deviceTypeFile ?? join(paths.datastore, "device_type");
  return { options, env, host, config, paths, deviceTypeFile, log };
}
