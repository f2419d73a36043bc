import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { AgentError, printable } from "../errors/agent-error.ts";
import type { Logger, LogLevel } from "../util/logger.ts";
import type { CliIo } from "./io.ts";

const ORDER: readonly LogLevel[] = ["trace", "debug", "info", "warning", "error", "fatal"];

export interface LoggingOptions {
  readonly logLevel?: LogLevel | undefined;
  readonly logFile?: string | undefined;
}

/**
 * Logs to stderr, from `logLevel` upwards, and to `logFile` as well if one is named. Logging never throws: if the file
 * becomes unwritable later, the logger says so once on stderr and continues.
 *
 * @throws {AgentError} LOG_FILE if the log file cannot be opened for writing now
 */
export function createLogger(io: Pick<CliIo, "err">, options: LoggingOptions, standard: LogLevel = "info"): Logger {
  const threshold = ORDER.indexOf(options.logLevel ?? standard);
  const appendLine = options.logFile === undefined ? undefined : createAppender(options.logFile, io);
  return (level, message) => {
    if (ORDER.indexOf(level) < threshold) return;
    const line = printable(message);
    io.err(`${level}: ${line}`);
    appendLine?.(`${new Date().toISOString()} ${level}: ${line}\n`);
  };
}

function createAppender(path: string, io: Pick<CliIo, "err">): (line: string) => void {
  let hasFailed = false;
  try {
    closeSync(openLog(path));
  } catch (cause) {
    throw cause instanceof AgentError ? cause : new AgentError("LOG_FILE", { file: path }, cause);
  }
  return (line) => {
    try {
      appendTo(path, line);
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) io.err(`warning: Cannot write to the log file ${path}: ${messageOf(error)}`);
      hasFailed = true;
    }
  };
}

/** Opens the file for each line, so that a rotated log starts a new file. */
function appendTo(path: string, line: string): void {
  const fd = openLog(path);
  try {
    for (let rest = Buffer.from(line); rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
  } finally {
    closeSync(fd);
  }
}

/** Does not wait for the reader of a FIFO, which would stop an update. */
function openLog(path: string): number {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_WRONLY } = constants;
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o644);
  const info = fstatSync(fd);
  if (info.isFile() || info.isCharacterDevice()) return fd;
  closeSync(fd);
  throw new AgentError("LOG_FILE", { file: path, reason: "it is neither a file nor a terminal" });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
