import { isOldCommand } from "./global-options.ts";

/** Long options of the reference clients that take a value. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  "config",
  "fallback-config",
  "data",
  "datastore",
  "log-file",
  "log-level",
  "trusted-certs",
  "passphrase-file",
  "device-type",
  "username",
  "password",
  "server-url",
  "url",
  "server-ip",
  "server-cert",
  "tenant-token",
  "inventory-poll",
  "retry-poll",
  "update-poll",
  "source",
  "compression",
  "stop-before",
]);

/** Options that take no value, or `=true` and `=false`. */
const SWITCHES: ReadonlySet<string> = new Set([
  "forcebootstrap",
  "no-syslog",
  "skipverify",
  "reboot-exit-code",
  "hosted-mender",
  "demo",
  "demo-server",
  "demo-polling",
  "quiet",
  "help",
  "version",
]);

const SHORT_WITH_VALUE: ReadonlySet<string> = new Set(["-c", "-b", "-d", "-L", "-E", "-l", "-C"]);

/** The 3.x client accepts these options for all commands, ours only for the commands that use the device key. */
const KEY_OPTIONS: ReadonlySet<string> = new Set(["-F", "--forcebootstrap", "--passphrase-file"]);
const KEY_COMMANDS: ReadonlySet<string> = new Set(["bootstrap", "daemon"]);

/** Programs with a single command, which users may leave out. */
const ONLY_COMMAND: Readonly<Record<string, string>> = { "mender-setup": "setup", "mender-snapshot": "snapshot" };

/** Truth values of Go's flag packages. */
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** @returns `undefined` if the text is not a truth value */
export const truthOf = (value: string): boolean | undefined =>
  TRUE.has(value) ? true : FALSE.has(value) ? false : undefined;

/**
 * Turns a command line of a reference client into one of ours. Handles long options with a single dash,
 * `--switch=false`, options before their command, and the omitted command of `mender-setup` and `mender-snapshot`.
 */
export function fromClient(name: string, argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  const [before, after] = end < 0 ? [argv, []] : [argv.slice(0, end), argv.slice(end)];
  const words = groups(before);
  const command = ONLY_COMMAND[name];
  if (command !== undefined && !asksProgram(words) && words.find(isPlain)?.[0] !== command) words.unshift([command]);
  return [...withKeyOptionsBehind(words).flat(), ...after];
}

/** An argument, and its value if it is an option that takes one. */
type Word = readonly string[];

const isPlain = ([first = ""]: Word): boolean => !first.startsWith("-") || isOldCommand(first);

const asksProgram = (words: readonly Word[]): boolean =>
  words.every(([word = ""]) => ["-v", "--version", "-h", "--help"].includes(word)) && words.length > 0;

function groups(argv: readonly string[]): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = modern(argv[at] ?? "");
    if (word === undefined) continue;
    const takesNext = SHORT_WITH_VALUE.has(word) || (word.startsWith("--") && WITH_VALUE.has(word.slice(2)));
    words.push(takesNext ? [word, ...argv.slice(at + 1, ++at + 1)] : [word]);
  }
  return words;
}

/** @returns `undefined` for a switch that is off */
function modern(arg: string): string | undefined {
  const [, name = "", value] = /^--?([a-z][a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
  if (WITH_VALUE.has(name)) return value === undefined ? `--${name}` : `--${name}=${value}`;
  if (!SWITCHES.has(name)) return arg;
  const truth = value === undefined ? true : truthOf(value);
  if (truth === true) return `--${name}`;
  return truth === false ? undefined : arg;
}

function withKeyOptionsBehind(words: readonly Word[]): readonly Word[] {
  const isKeyOption = ([first = ""]: Word): boolean => KEY_OPTIONS.has(first.split("=", 1)[0] ?? "");
  const others = words.filter((word) => !isKeyOption(word));
  const at = others.findIndex(isPlain);
  const command = others[at]?.[0]?.replace(/^-/, "") ?? "";
  const keyOptions = KEY_COMMANDS.has(command) ? words.filter(isKeyOption) : [];
  return [...others.slice(0, at + 1), ...keyOptions, ...others.slice(at + 1)];
}
