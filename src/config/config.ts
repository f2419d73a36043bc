import { dirname, resolve } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import { isJsonObject } from "../util/json-object.ts";
import type { Logger } from "../util/logger.ts";
import { type AdapterChoice, readAdapterChoice, readPayloadChoices } from "./adapter-choice.ts";
import { asRaw, pickKeys, type Raw, readConfigFile } from "./config-file.ts";
import {
  CONNECTION_KEYS,
  type ConnectionConfig,
  HTTPS_CLIENT_KEYS,
  interpretConnection,
  OWN_CONNECTION_KEYS,
} from "./connection.ts";
import { interpretServer, SERVER_KEYS, type ServerConfig } from "./server-config.ts";

const BOOTLOADERS = ["uboot", "grub", "systemd-boot", "rpi-tryboot", "fake"] as const;
const BOOT_ENVS = ["auto", "native", "tools"] as const;

/**
 * The settings that the agent reads from mender.conf. Other programs share that file; the agent's own settings are in
 * `Switchback`.
 *
 * Each part is interpreted on first access and then throws CONFIG_INVALID or KEY_ENGINE_UNSUPPORTED, because a command
 * must not fail on settings that it does not need. For example, a wrong server URL must not prevent a rollback.
 */
export interface Config {
  readonly rootfsPartA?: string;
  readonly rootfsPartB?: string;
  readonly deviceTypeFile?: string;
  /**
   * Every installation must read these first. They throw if a configuration file exists and is invalid: it is then
   * unknown whether the device requires signatures.
   */
  readonly artifactVerifyKeys: readonly string[];
  /** Why a configuration file is invalid; absent if all are valid. */
  readonly refusal?: AgentError;
  /** Folder of the configured virtual board; never throws. */
  readonly virtualBoard?: string;
  readonly stateScripts: StateScriptConfig;
  /** Limit for one call of an update module; 0 in the file means the default. */
  readonly moduleTimeoutSeconds: number;
  readonly connection: ConnectionConfig;
  readonly server: ServerConfig;
  readonly switchback: SwitchbackConfig;
}

/** Limits of state scripts; 0 in the file means the default, as in the reference clients. */
export interface StateScriptConfig {
  readonly timeoutSeconds: number;
  readonly retryTimeoutSeconds: number;
  readonly retryIntervalSeconds: number;
}

export interface SwitchbackConfig {
  /** Absent: GRUB if the board has the tools of Mender's GRUB integration, otherwise U-Boot. */
  readonly bootloader: (typeof BOOTLOADERS)[number] | "adapter" | undefined;
  /** Present with the boot loader `adapter`. */
  readonly adapter?: AdapterChoice | undefined;
  /** Replaces the agent's own access to block devices, image files and UBI volumes. */
  readonly device?: AdapterChoice | undefined;
  /** The board's own handlers, by payload type; they take precedence over update modules and built-in handlers. */
  readonly payloads?: ReadonlyMap<string, AdapterChoice> | undefined;
  /** Folder of the virtual board, for the boot loader `fake`. */
  readonly board?: string;
  /** Mounted partition with the boot loader's files, for `systemd-boot` and `rpi-tryboot`. */
  readonly bootFolder?: string;
  /** Partition numbers of each slot's kernel, for `rpi-tryboot`. */
  readonly bootPartitions?: Readonly<Record<"A" | "B", number>>;
  /**
   * How the agent accesses boot loader variables: in process, with the board's tools, or (default) in process if
   * possible.
   */
  readonly bootEnv: (typeof BOOT_ENVS)[number];
  /** Replaces /etc/fw_env.config, also for `fw_printenv` and `fw_setenv`. */
  readonly fwEnvConfig?: string;
  /** Refuses what the reference clients refuse: an Artifact with more than one payload. */
  readonly strictCompat: boolean;
  /** Reads a slot back before arming it, and compares it with the manifest. Default: true. */
  readonly verifyReadback: boolean;
  /** Allows plain http to servers on other machines. */
  readonly allowPlainHttp: boolean;
}

/** Types of the keys that this agent reads. Like the newest client, ignores a key of another type. */
export const MAIN_KEYS = {
  RootfsPartA: "string",
  RootfsPartB: "string",
  DeviceTypeFile: "string",
  ArtifactVerifyKey: "string",
  ArtifactVerifyKeys: "strings",
  BootUtilitiesSetActivePart: "string",
  BootUtilitiesGetNextActivePart: "string",
  ModuleTimeoutSeconds: "count",
  StateScriptTimeoutSeconds: "count",
  StateScriptRetryTimeoutSeconds: "count",
  StateScriptRetryIntervalSeconds: "count",
  Switchback: "object",
  ...CONNECTION_KEYS,
  ...SERVER_KEYS,
} as const;

/** The agent installs nothing if one of these has the wrong type. */
const DECISIVE_KEYS = ["ArtifactVerifyKey", "ArtifactVerifyKeys"] as const;

/** Keys of the reference client: programs that replace fw_setenv and fw_printenv. */
const BOOT_UTILITIES = ["BootUtilitiesSetActivePart", "BootUtilitiesGetNextActivePart"] as const;

/** Objects whose members the main file overrides individually. */
const MERGED_KEYS = ["Switchback", "HttpsClient", "Security"] as const;

/** Members of `Switchback`. */
export const OWN_KEYS = {
  Bootloader: "choice",
  Device: "object",
  Payloads: "object",
  BootEnv: "string",
  Board: "string",
  BootFolder: "string",
  BootPartitionA: "count",
  BootPartitionB: "count",
  FwEnvConfig: "string",
  StrictCompat: "boolean",
  VerifyReadback: "boolean",
  ...OWN_CONNECTION_KEYS,
  AllowPlainHttp: "boolean",
} as const;

/** The longest timer of Node; no update takes 24 days. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

export interface ConfigFiles {
  readonly main: string;
  readonly fallback: string;
  /** A file named on the command line must exist. */
  readonly mainRequired: boolean;
  readonly fallbackRequired: boolean;
}

/**
 * Reads the fallback file, then overrides it with the main file, key by key and ignoring case.
 *
 * @throws {AgentError} CONFIG_INVALID when a required file does not exist
 */
export async function loadConfig(files: ConfigFiles, log: Logger): Promise<Config> {
  const fallback = await readConfigFile(files.fallback, MAIN_KEYS, DECISIVE_KEYS, files.fallbackRequired, log);
  const main = await readConfigFile(files.main, MAIN_KEYS, DECISIVE_KEYS, files.mainRequired, log);
  const merged: Record<string, unknown> = { ...fallback.values, ...main.values };
  for (const key of MERGED_KEYS) {
    if (fallback.values[key] === undefined && main.values[key] === undefined) continue;
    merged[key] = { ...asRaw(fallback.values[key]), ...asRaw(main.values[key]) };
  }
  return interpret(merged, dirname(resolve(files.main)), main.refusal ?? fallback.refusal, log);
}

function interpret(raw: Raw, folder: string, refusal: AgentError | undefined, log: Logger): Config {
  const text = (key: string): string | undefined => (raw[key] === "" ? undefined : (raw[key] as string | undefined));
  const seconds = (key: string, standard: number): number =>
    Math.min((raw[key] as number | undefined) || standard, MAX_SECONDS);
  const rootfsPartA = text("RootfsPartA");
  const rootfsPartB = text("RootfsPartB");
  const deviceTypeFile = text("DeviceTypeFile");
  const own = pickKeys(asRaw(raw["Switchback"]), OWN_KEYS, "Switchback", log);
  const httpsClient = pickKeys(asRaw(raw["HttpsClient"]), HTTPS_CLIENT_KEYS, "HttpsClient", log);
  const connection = once(() => interpretConnection(raw, httpsClient, own));
  const server = once(() => interpretServer(raw, seconds, log));
  // A board with an adapter is also virtual if it has a folder: its modules and reboots are not those of the machine.
  const isVirtual = own["Bootloader"] === "fake" || typeof own["Bootloader"] === "object";
  const virtualBoard = isVirtual ? (own["Board"] as string | undefined) : undefined;
  const utility = BOOT_UTILITIES.find((key) => text(key) !== undefined);
  return {
    ...(rootfsPartA !== undefined && { rootfsPartA }),
    ...(rootfsPartB !== undefined && { rootfsPartB }),
    ...(deviceTypeFile !== undefined && { deviceTypeFile }),
    ...(refusal !== undefined && { refusal }),
    ...(virtualBoard !== undefined && { virtualBoard }),
    stateScripts: {
      timeoutSeconds: seconds("StateScriptTimeoutSeconds", 3600),
      retryTimeoutSeconds: seconds("StateScriptRetryTimeoutSeconds", 1800),
      retryIntervalSeconds: seconds("StateScriptRetryIntervalSeconds", 60),
    },
    moduleTimeoutSeconds: seconds("ModuleTimeoutSeconds", 14_400),
    get artifactVerifyKeys() {
      if (refusal !== undefined) throw refusal;
      return verifyKeys(text("ArtifactVerifyKey"), raw["ArtifactVerifyKeys"] as readonly string[] | undefined);
    },
    get connection() {
      return connection();
    },
    get server() {
      return server();
    },
    switchback: interpretOwn(own, folder, utility),
  };
}

function verifyKeys(one: string | undefined, several: readonly string[] = []): readonly string[] {
  if (one === undefined) return several;
  if (several.length === 0) return [one];
  throw new AgentError("CONFIG_INVALID", { reason: "both ArtifactVerifyKey and ArtifactVerifyKeys are set" });
}

function interpretOwn(raw: Raw, folder: string, utility: string | undefined): SwitchbackConfig {
  const chosen = (key: string): AdapterChoice | undefined => {
    const own = raw[key];
    return isJsonObject(own) ? readAdapterChoice(`Switchback.${key}`, own, folder) : undefined;
  };
  const isAdapter = typeof raw["Bootloader"] === "object";
  const { Payloads: payloads } = raw;
  const {
    Board: board,
    FwEnvConfig: fwEnvConfig,
    BootFolder: bootFolder,
  } = raw as Readonly<Record<"Board" | "FwEnvConfig" | "BootFolder", string | undefined>>;
  const { BootPartitionA: A, BootPartitionB: B } = raw as Readonly<
    Record<"BootPartitionA" | "BootPartitionB", number | undefined>
  >;
  return {
    get bootloader() {
      if (isAdapter) return "adapter";
      if (utility !== undefined && raw["Bootloader"] === undefined) {
        const reason = "not supported; name a program that speaks the adapter protocol in Switchback.Bootloader";
        throw new AgentError("CONFIG_INVALID", { key: utility, reason });
      }
      return raw["Bootloader"] === undefined ? undefined : oneOf(raw, "Bootloader", BOOTLOADERS, "uboot");
    },
    get adapter() {
      return chosen("Bootloader");
    },
    get device() {
      return chosen("Device");
    },
    get payloads() {
      return payloads === undefined ? undefined : readPayloadChoices("Switchback.Payloads", asRaw(payloads), folder);
    },
    get bootEnv() {
      return oneOf(raw, "BootEnv", BOOT_ENVS, "auto");
    },
    strictCompat: raw["StrictCompat"] === true,
    allowPlainHttp: raw["AllowPlainHttp"] === true,
    verifyReadback: raw["VerifyReadback"] !== false,
    ...(board !== undefined && { board }),
    ...(bootFolder !== undefined && { bootFolder }),
    ...(A !== undefined && B !== undefined && { bootPartitions: { A, B } }),
    ...(fwEnvConfig !== undefined && { fwEnvConfig }),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
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
