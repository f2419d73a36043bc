import { readFile } from "node:fs/promises";
import { AgentError } from "../errors/agent-error.ts";
import type { Logger } from "../util/logger.ts";
import {
  CONNECTION_KEYS,
  type ConnectionConfig,
  HTTPS_CLIENT_KEYS,
  interpretConnection,
  OWN_CONNECTION_KEYS,
} from "./connection.ts";

const BOOTLOADERS = ["uboot", "fake"] as const;
const BOOT_ENVS = ["auto", "native", "tools"] as const;

/** What the agent takes from mender.conf. Other programs share that file; what is ours lives in `Switchback`. */
export interface Config {
  readonly rootfsPartA?: string;
  readonly rootfsPartB?: string;
  readonly deviceTypeFile?: string;
  readonly artifactVerifyKeys: readonly string[];
  readonly stateScripts: StateScriptConfig;
  /** For one call of an update module; 0 in the file stands for the default. */
  readonly moduleTimeoutSeconds: number;
  readonly connection: ConnectionConfig;
  readonly switchback: SwitchbackConfig;
}

/** Limits of state scripts; 0 in the file stands for the default, as in the reference clients. */
export interface StateScriptConfig {
  readonly timeoutSeconds: number;
  readonly retryTimeoutSeconds: number;
  readonly retryIntervalSeconds: number;
}

export interface SwitchbackConfig {
  /** Default: `uboot`, as on every board with the reference client. */
  readonly bootloader: (typeof BOOTLOADERS)[number];
  /** Folder of the virtual board, for the boot loader `fake`. */
  readonly board?: string;
  /** How variables of a boot loader are accessed: in process, by the board's tools, or (default) in process where that can be. */
  readonly bootEnv: (typeof BOOT_ENVS)[number];
  /** In place of /etc/fw_env.config, also for `fw_printenv` and `fw_setenv`. */
  readonly fwEnvConfig?: string;
  /** Refuses what the reference clients refuse: an Artifact with more than one payload. */
  readonly strictCompat: boolean;
  /** Reads a slot back before it is armed, and compares it with the manifest. Default: true. */
  readonly verifyReadback: boolean;
}

/** Types of the keys that this agent reads. A key of another type is ignored, as the newest client does. */
const KEYS = {
  RootfsPartA: "string",
  RootfsPartB: "string",
  DeviceTypeFile: "string",
  ArtifactVerifyKey: "string",
  ArtifactVerifyKeys: "strings",
  ModuleTimeoutSeconds: "count",
  StateScriptTimeoutSeconds: "count",
  StateScriptRetryTimeoutSeconds: "count",
  StateScriptRetryIntervalSeconds: "count",
  Switchback: "object",
  ...CONNECTION_KEYS,
} as const;

/** Objects whose members the main file overrides one by one. */
const MERGED_KEYS = ["Switchback", "HttpsClient"] as const;

const OWN_KEYS = {
  Bootloader: "string",
  BootEnv: "string",
  Board: "string",
  FwEnvConfig: "string",
  StrictCompat: "boolean",
  VerifyReadback: "boolean",
  ...OWN_CONNECTION_KEYS,
} as const;

type Raw = Readonly<Record<string, unknown>>;
type KeyType = "string" | "strings" | "count" | "boolean" | "object";

const TYPE_NAMES: Readonly<Record<KeyType, string>> = {
  string: "string",
  strings: "list of strings",
  boolean: "boolean",
  count: "whole number, not below 0",
  object: "object",
};

/** No timer of Node's reaches further; 24 days are more than any update takes. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

export interface ConfigFiles {
  readonly main: string;
  readonly fallback: string;
  /** A file that was named on the command line must be there and be right; one at its usual place may not. */
  readonly mainRequired: boolean;
  readonly fallbackRequired: boolean;
}

/**
 * Reads the fallback file, then the main file over it, key by key and without regard to case.
 *
 * @throws {AgentError} CONFIG_INVALID
 * @see spec "config-and-cli", section 2
 */
export async function loadConfig(files: ConfigFiles, log: Logger): Promise<Config> {
  const fallback = await readConfig(files.fallback, files.fallbackRequired, log);
  const main = await readConfig(files.main, files.mainRequired, log);
  const merged = { ...fallback, ...main };
  for (const key of MERGED_KEYS) {
    if (fallback[key] === undefined && main[key] === undefined) continue;
    merged[key] = { ...asRaw(fallback[key]), ...asRaw(main[key]) };
  }
  return interpret(merged, log);
}

async function readConfig(path: string, isRequired: boolean, log: Logger): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isRequired) throw new AgentError("CONFIG_INVALID", { file: path }, cause);
    log("debug", `no configuration in ${path}`);
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return pick(value as Raw, KEYS, path, log);
    throw new Error("not a JSON object");
  } catch (cause) {
    if (isRequired) throw new AgentError("CONFIG_INVALID", { file: path }, cause);
    log("warning", `${path} is ignored: ${cause instanceof Error ? cause.message : String(cause)}`);
    return {};
  }
}

/** The known keys of `raw` under their usual spelling. */
function pick(raw: Raw, keys: Readonly<Record<string, KeyType>>, where: string, log: Logger): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  const spelling = new Map(Object.keys(keys).map((key) => [key.toLowerCase(), key]));
  for (const [key, value] of Object.entries(raw)) {
    const known = spelling.get(key.toLowerCase());
    const type = known === undefined ? undefined : keys[known];
    if (known === undefined || type === undefined) continue;
    if (hasType(value, type)) picked[known] = value;
    else log("warning", `${where}: ${key} is ignored: it must be a ${TYPE_NAMES[type]}`);
  }
  return picked;
}

function hasType(value: unknown, type: KeyType): boolean {
  if (type === "string") return typeof value === "string";
  if (type === "boolean") return typeof value === "boolean";
  if (type === "strings") return Array.isArray(value) && value.every((item) => typeof item === "string");
  if (type === "count") return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function interpret(raw: Raw, log: Logger): Config {
  const one = raw["ArtifactVerifyKey"] as string | undefined;
  const several = raw["ArtifactVerifyKeys"] as readonly string[] | undefined;
  if (one !== undefined && several !== undefined) {
    throw new AgentError("CONFIG_INVALID", { reason: "both ArtifactVerifyKey and ArtifactVerifyKeys are set" });
  }
  const text = (key: string): string | undefined => (raw[key] === "" ? undefined : (raw[key] as string | undefined));
  const seconds = (key: string, standard: number): number =>
    Math.min((raw[key] as number | undefined) || standard, MAX_SECONDS);
  const rootfsPartA = text("RootfsPartA");
  const rootfsPartB = text("RootfsPartB");
  const deviceTypeFile = text("DeviceTypeFile");
  const own = pick(asRaw(raw["Switchback"]), OWN_KEYS, "Switchback", log);
  const httpsClient = pick(asRaw(raw["HttpsClient"]), HTTPS_CLIENT_KEYS, "HttpsClient", log);
  return {
    ...(rootfsPartA !== undefined && { rootfsPartA }),
    ...(rootfsPartB !== undefined && { rootfsPartB }),
    ...(deviceTypeFile !== undefined && { deviceTypeFile }),
    artifactVerifyKeys: several ?? (one === undefined || one === "" ? [] : [one]),
    stateScripts: {
      timeoutSeconds: seconds("StateScriptTimeoutSeconds", 3600),
      retryTimeoutSeconds: seconds("StateScriptRetryTimeoutSeconds", 1800),
      retryIntervalSeconds: seconds("StateScriptRetryIntervalSeconds", 60),
    },
    moduleTimeoutSeconds: seconds("ModuleTimeoutSeconds", 14_400),
    connection: interpretConnection(raw, httpsClient, own),
    switchback: interpretOwn(own),
  };
}

function interpretOwn(raw: Raw): SwitchbackConfig {
  const strictCompat = raw["StrictCompat"] === true;
  const verifyReadback = raw["VerifyReadback"] !== false;
  const { Board: board, FwEnvConfig: fwEnvConfig } = raw as Readonly<
    Record<"Board" | "FwEnvConfig", string | undefined>
  >;
  return {
    bootloader: oneOf(raw, "Bootloader", BOOTLOADERS, "uboot"),
    bootEnv: oneOf(raw, "BootEnv", BOOT_ENVS, "auto"),
    strictCompat,
    verifyReadback,
    ...(board !== undefined && { board }),
    ...(fwEnvConfig !== undefined && { fwEnvConfig }),
  };
}

function oneOf<const Known extends string>(
  raw: Raw,
  key: string,
  all: readonly Known[],
  standard: NoInfer<Known>,
): Known {
  const value = raw[key] ?? standard;
  const found = all.find((known) => known === value);
  if (found !== undefined) return found;
  throw new AgentError("CONFIG_INVALID", { key: `Switchback.${key}`, value: String(value), known: all.join(",") });
}

const asRaw = (value: unknown): Raw => (typeof value === "object" && value !== null ? (value as Raw) : {});
