import { type Config, loadConfig } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";
import type { Logger } from "../util/logger.ts";
import type { GlobalOptions } from "./options.ts";

/** Loads the configuration files that the command line names, or the usual ones. @throws {AgentError} CONFIG_INVALID */
export const composeConfig = (options: GlobalOptions, paths: Paths, log: Logger): Promise<Config> =>
  loadConfig(
    {
      main: paths.mainConfig,
      fallback: paths.fallbackConfig,
      mainRequired: options.config !== undefined,
      fallbackRequired: options.fallbackConfig !== undefined,
    },
    log,
  );
