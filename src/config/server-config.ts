import { AgentError } from "../errors/agent-error.ts";
import type { Logger, LogLevel } from "../util/logger.ts";
import { asRaw, pickKeys, type Raw } from "./config-file.ts";

/** The settings of mender.conf for managed mode. */
export interface ServerConfig {
  /** Without a trailing slash and without duplicates, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly tenantToken?: string;
  /** Private key for the device's authorisation, in place of the one in the datastore. */
  readonly authPrivateKey?: string;
  readonly updatePollSeconds: number;
  readonly inventoryPollSeconds: number;
  /** Longest interval of the back-off. */
  readonly retryPollSeconds: number;
  /** Attempts of the back-off; 0: derived from its intervals. */
  readonly retryPollCount: number;
  readonly daemonLogLevel?: LogLevel;
  /** Folder of the deployment logs; absent: the datastore. */
  readonly updateLogPath?: string;
}

export const SERVER_KEYS = {
  ServerURL: "string",
  Servers: "objects",
  TenantToken: "string",
  Security: "object",
  UpdatePollIntervalSeconds: "count",
  InventoryPollIntervalSeconds: "count",
  RetryPollIntervalSeconds: "count",
  RetryPollCount: "count",
  DaemonLogLevel: "string",
  UpdateLogPath: "string",
} as const;

/** Members of `Security`. */
export const SECURITY_KEYS = { AuthPrivateKey: "string", SSLEngine: "string" } as const;

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warning",
  warning: "warning",
  error: "error",
  fatal: "fatal",
  panic: "fatal",
};

/**
 * @throws {AgentError} KEY_ENGINE_UNSUPPORTED; CONFIG_INVALID if both ServerURL and Servers are set, or a URL is
 * invalid
 */
export function interpretServer(
  raw: Raw,
  seconds: (key: string, standard: number) => number,
  log: Logger,
): ServerConfig {
  const one = (raw["ServerURL"] as string | undefined) ?? "";
  const several = ((raw["Servers"] as readonly Raw[] | undefined) ?? []).map(
    (server) => pickKeys(server, { ServerURL: "string" }, "Servers", log)["ServerURL"] as string | undefined,
  );
  if (one !== "" && several.length > 0)
    throw new AgentError("CONFIG_INVALID", { reason: "both ServerURL and Servers are set" });
  const urls = [...several, one].map((url) => (url ?? "").trim()).filter((url) => url !== "");
  const { AuthPrivateKey, SSLEngine } = pickKeys(asRaw(raw["Security"]), SECURITY_KEYS, "Security", log) as Partial<
    Record<keyof typeof SECURITY_KEYS, string>
  >;
  if ((SSLEngine ?? "") !== "" || AuthPrivateKey?.startsWith("pkcs11:") === true)
    throw new AgentError("KEY_ENGINE_UNSUPPORTED", { key: "Security" });
  const tenantToken = ((raw["TenantToken"] as string | undefined) ?? "").trim();
  const updateLogPath = raw["UpdateLogPath"] as string | undefined;
  const level = LEVELS[((raw["DaemonLogLevel"] as string | undefined) ?? "").toLowerCase()];
  return {
    urls: [...new Set(urls.map(address))],
    ...(tenantToken !== "" && { tenantToken }),
    ...(AuthPrivateKey !== undefined && AuthPrivateKey !== "" && { authPrivateKey: AuthPrivateKey }),
    updatePollSeconds: seconds("UpdatePollIntervalSeconds", 1800),
    inventoryPollSeconds: seconds("InventoryPollIntervalSeconds", 28_800),
    retryPollSeconds: seconds("RetryPollIntervalSeconds", 300),
    retryPollCount: (raw["RetryPollCount"] as number | undefined) ?? 0,
    ...(level !== undefined && { daemonLogLevel: level }),
    ...(updateLogPath !== undefined && updateLogPath !== "" && { updateLogPath }),
  };
}

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new AgentError("CONFIG_INVALID", { key: "ServerURL", value: text, reason: "not an http(s) address" });
  return text.replace(/\/+$/, "");
}

/**
 * The servers to contact. Requests contain the device's token, so plain http: is allowed only to this machine, unless
 * the configuration permits it.
 *
 * @throws {AgentError} SERVER_NOT_CONFIGURED, SERVER_PLAIN_HTTP
 */
export function serverAddresses({ urls }: ServerConfig, allowPlainHttp: boolean): readonly string[] {
  if (urls.length === 0) throw new AgentError("SERVER_NOT_CONFIGURED");
  const plain = urls.find((url) => url.startsWith("http:") && !isLoopback(new URL(url).hostname));
  if (plain !== undefined && !allowPlainHttp) throw new AgentError("SERVER_PLAIN_HTTP", { server: plain });
  return urls;
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
