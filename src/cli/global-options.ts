import type { Command } from "commander";
import type { GlobalOptions } from "../agent/options.ts";
import type { LogLevel } from "../util/logger.ts";

/** Options that take a value. The argument after them is not the name of a command. */
const WITH_VALUE = [
  ["-c, --config <file>", "configuration file (default: /etc/mender/mender.conf)"],
  ["-b, --fallback-config <file>", "fallback configuration file (default: mender.conf in the datastore)"],
  ["-d, --datastore <dir>", "where the agent keeps its state (default: /var/lib/mender)"],
  ["-L, --log-file <file>", "also append the log to this file"],
  ["-E, --trusted-certs <file>", "also trust the certificates in this PEM file"],
  ["-l, --log-level <level>", "trace, debug, info, warning, error or fatal (default: info)"],
] as const;

/** Spellings of older clients. */
const ALIASES: Readonly<Record<string, string>> = { "--data": "--datastore" };
const LEVEL_ALIASES: Readonly<Record<string, LogLevel>> = { warn: "warning", panic: "fatal" };
const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warning", "error", "fatal"];
const SKIP_VERIFY = "--skipverify";
/** Commands whose own options give these letters other meanings: the arguments after them stay unchanged. */
export const OPAQUE: ReadonlySet<string> = new Set(["artifact", "board", "yocto"]);
/** Options of a command that share the name of a global one but mean something else after that command. */
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = { setup: ["-E"] };
/** Single-dash commands of the 2.x client. */
const OLD_COMMANDS: ReadonlySet<string> = new Set([
  "-install",
  "-commit",
  "-rollback",
  "-resume",
  "-show-artifact",
  "-show-provides",
  "-daemon",
  "-bootstrap",
  "-check-update",
  "-send-inventory",
]);
/** Options of the 3.x client without effect here, accepted so that existing calls keep working. */
const IGNORED: ReadonlySet<string> = new Set(["--no-syslog"]);

export const isOldCommand = (arg: string): boolean => OLD_COMMANDS.has(arg);

export function addGlobalOptions(program: Command): void {
  for (const [flags, description] of WITH_VALUE) program.option(flags, description);
  program.option(SKIP_VERIFY, "do not verify the certificates of servers");
}

export function readGlobalOptions(program: Command): GlobalOptions {
  const { skipverify, ...given } = program.opts<Partial<Record<string, string>> & { skipverify?: boolean }>();
  const { config, fallbackConfig, datastore, logFile, trustedCerts } = given;
  const logLevel = given["logLevel"]?.toLowerCase();
  const level =
    logLevel === undefined ? undefined : (LEVEL_ALIASES[logLevel] ?? LEVELS.find((known) => known === logLevel));
  if (logLevel !== undefined && level === undefined) {
    program.error(
      `error: option '-l, --log-level <level>' argument '${logLevel}' is invalid. Known: ${LEVELS.join(", ")}`,
    );
  }
  return { config, fallbackConfig, datastore, logFile, logLevel: level, trustedCerts, skipVerify: skipverify === true };
}

export interface SplitArguments {
  readonly globals: readonly string[];
  readonly command: string | undefined;
  readonly rest: readonly string[];
}

/**
 * Finds the command in the arguments and moves global options that follow it to the front, where the parser expects
 * them. Everything after `--` stays in place.
 */
export function splitArguments(argv: readonly string[]): SplitArguments {
  const globals: string[] = [];
  const rest: string[] = [];
  let command: string | undefined;
  for (let at = 0; at < argv.length; at++) {
    const raw = argv[at] ?? "";
    if (raw === "--" || (command !== undefined && OPAQUE.has(command)))
      return { globals, command, rest: [...rest, ...argv.slice(at)] };
    const arg = modern(raw);
    if (command !== undefined && OWN_OPTIONS[command]?.includes(arg)) {
      rest.push(raw);
      continue;
    }
    if (IGNORED.has(arg)) continue;
    if (takesValue(arg)) globals.push(arg, ...argv.slice(at + 1, ++at + 1));
    else if (isGlobalWithValue(arg) || arg === SKIP_VERIFY) globals.push(arg);
    else if (command === undefined && OLD_COMMANDS.has(arg)) command = arg.slice(1);
    else if (command === undefined && arg.startsWith("-")) globals.push(arg);
    else if (command === undefined) command = arg;
    else rest.push(raw);
  }
  return { globals, command, rest };
}

function modern(arg: string): string {
  const [name = "", ...value] = arg.split("=");
  const alias = ALIASES[name];
  return alias === undefined ? arg : [alias, ...value].join("=");
}

const NAMES: readonly string[] = WITH_VALUE.flatMap(([flags]) => flags.replace(/ <.*/, "").split(", "));
const takesValue = (arg: string): boolean => NAMES.includes(arg);
const isGlobalWithValue = (arg: string): boolean => arg.includes("=") && NAMES.includes(arg.split("=")[0] ?? "");
