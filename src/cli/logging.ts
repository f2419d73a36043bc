import { appendFileSync } from "node:fs";
import type { Logger, LogLevel } from "../util/logger.ts";
import type { CliIo } from "./io.ts";

const ORDER: readonly LogLevel[] = ["trace", "debug", "info", "warning", "error", "fatal"];

export interface LoggingOptions {
  readonly logLevel?: LogLevel | undefined;
  readonly logFile?: string | undefined;
}

/** The log on stderr, from `logLevel` upwards, and in `logFile` as well where one is named. */
export function createLogger(io: Pick<CliIo, "err">, options: LoggingOptions, standard: LogLevel = "info"): Logger {
  const threshold = ORDER.indexOf(options.logLevel ?? standard);
  return (level, message) => {
    if (ORDER.indexOf(level) < threshold) return;
    io.err(`${level}: ${message}`);
    if (options.logFile !== undefined) {
      appendFileSync(options.logFile, `${new Date().toISOString()} ${level}: ${message}\n`);
    }
  };
}
