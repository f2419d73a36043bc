import { readFile } from "node:fs/promises";
import { load, YAMLException } from "js-yaml";
import { ServerError } from "../errors/server-error.ts";
import { type Config, checkConfig, type Given, shownValue } from "./config.ts";
import { environmentName, SETTINGS, type SettingKey } from "./settings.ts";

export interface Sources {
  /** By key: what the command line says. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file, if there is one. */
  readonly file: string | undefined;
}

export interface ReadConfig {
  readonly config: Config;
  /** What holds, and where it comes from: as a configuration file. */
  readonly printed: readonly string[];
}

/**
 * The configuration: flags win over the environment, the environment over the file, and the file over the defaults.
 *
 * @throws {ServerError} CONFIG_INVALID, which names the key, and the line of the file
 */
export async function readConfig({ flags, environment, file }: Sources): Promise<ReadConfig> {
  const inFile = file === undefined ? new Map<SettingKey, Given>() : await readConfigFile(file);
  const given = new Map<SettingKey, Given>();
  for (const { key, default: standard } of SETTINGS) {
    const name = environmentName(key);
    const found =
      from(flags[key], `--${key}`) ?? from(environment[name], name) ?? inFile.get(key) ?? from(standard(), "default");
    if (found !== undefined) given.set(key, found);
  }
  const config = checkConfig(given);
  const texts = [...given].map(([key, { text, from: source }]) => [`${key}: ${quoted(shownValue(key, text))}`, source]);
  const width = Math.max(...texts.map(([text = ""]) => text.length));
  return { config, printed: texts.map(([text = "", source]) => `${text.padEnd(width)}  # ${source}`) };
}

const from = (text: string | undefined, source: string): Given | undefined =>
  text === undefined ? undefined : { text, from: source };

const quoted = (text: string): string =>
  /^[\w./][\w./:@,-]*$/.test(text) && !/: /.test(text) ? text : JSON.stringify(text);

async function readConfigFile(file: string): Promise<ReadonlyMap<SettingKey, Given>> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("CONFIG_INVALID", { file, reason }, { cause });
  });
  const parsed = parse(text, file);
  if (parsed === null || parsed === undefined) return new Map();
  if (typeof parsed !== "object" || Array.isArray(parsed))
    throw new ServerError("CONFIG_INVALID", { file, line: 1, reason: "expected lines of KEY: VALUE" });
  const found = new Map<SettingKey, Given>();
  for (const [key, value] of Object.entries(parsed)) {
    const line = lineOf(text, key);
    const setting = SETTINGS.find((each) => each.key === key);
    if (setting === undefined) throw new ServerError("CONFIG_INVALID", { file, line, key, reason: "unknown key" });
    if (!["string", "number", "boolean"].includes(typeof value))
      throw new ServerError("CONFIG_INVALID", { file, line, key, reason: "expected a text" });
    found.set(setting.key, { text: String(value), from: `${file}:${line}` });
  }
  return found;
}

function parse(text: string, file: string): unknown {
  try {
    return load(text);
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    throw new ServerError(
      "CONFIG_INVALID",
      { file, line: (cause.mark?.line ?? 0) + 1, reason: cause.reason },
      { cause },
    );
  }
}

/** The line of a key. All keys are at the top of the document. */
function lineOf(text: string, key: string): number {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => /^["']?([\w-]+)["']?\s*:/.exec(line)?.[1] === key);
  return at < 0 ? 1 : at + 1;
}
