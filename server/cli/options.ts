import type { Command } from "commander";
import { type ReadConfig, readConfig } from "../config/read-config.ts";
import { environmentName, SETTINGS, type Setting, type SettingKey } from "../config/settings.ts";
import type { ServerIo } from "./io.ts";

/** What commander makes of the options of a command. */
export type Flags = Readonly<Record<string, unknown>>;

/** Adds options for settings, and `--config`. */
export function addSettings(command: Command, keys: readonly SettingKey[]): Command {
  for (const setting of SETTINGS)
    if (keys.includes(setting.key)) command.option(`--${setting.key} <${setting.value}>`, described(setting));
  return command.option("--config <FILE>", "YAML file with these settings as its keys");
}

/** The settings that say where the database is. */
export const WHERE: readonly SettingKey[] = ["data", "database"];

function described(setting: Setting): string {
  const standard = setting.defaultDoc ?? setting.default();
  return standard === undefined ? setting.doc : `${setting.doc} (default: ${standard})`;
}

/** @throws {ServerError} CONFIG_INVALID */
export function configOf(flags: Flags, io: ServerIo): Promise<ReadConfig> {
  const texts = SETTINGS.map(({ key }) => [key, textOf(flags, key)] as const);
  return readConfig({
    flags: Object.fromEntries(texts),
    environment: io.environment,
    file: textOf(flags, "config") ?? io.environment[environmentName("config")],
  });
}

/** The text of an option, by its name on the command line. */
export function textOf(flags: Flags, name: string): string | undefined {
  const value = flags[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
  return typeof value === "string" ? value : undefined;
}
