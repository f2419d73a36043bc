import { AgentError } from "../errors/agent-error.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Keys of mender.conf for the connection to a server, with their types. */
export const CONNECTION_KEYS = {
  ServerCertificate: "string",
  SkipVerify: "boolean",
  HttpsClient: "object",
  RetryDownloadCount: "count",
} as const;

/** Members of `HttpsClient`. */
export const HTTPS_CLIENT_KEYS = { Certificate: "string", Key: "string", SSLEngine: "string" } as const;

/** Members of `Switchback` for the connection. */
export const OWN_CONNECTION_KEYS = {
  IdleTimeoutSeconds: "count",
  DownloadRetryWaitSeconds: "count",
  RateLimitBytesPerSecond: "count",
  MinBytesPerSecond: "count",
} as const;

/** How the agent reaches a server, and how a download resumes after an interruption. */
export interface ConnectionConfig {
  /** PEM file of certificates that are trusted in addition to the system's. */
  readonly serverCertificate?: string;
  readonly skipVerify: boolean;
  /** PEM files of the device's client certificate and its key. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Time without a byte after which a connection counts as dead. */
  readonly idleMs: number;
  /** How often one download may resume. */
  readonly retryDownloadCount: number;
  /** Wait before a download resumes. */
  readonly retryDownloadWaitMs: number;
  /** Rate limit of a download; absent: no limit. */
  readonly bytesPerSecond?: number;
  /** The slowest acceptable download rate, averaged over `overMs` of waiting time; 0: no minimum. */
  readonly slowest: { readonly bytesPerSecond: number; readonly overMs: number };
}

/** A tenth of the data rate of the slowest GPRS mode. */
const SLOWEST_BYTES_PER_SECOND = 100;
const MAX_DOWNLOAD_RETRIES = 10_000;

/**
 * @param raw values of the types above
 * @throws {AgentError} CONFIG_INVALID, KEY_ENGINE_UNSUPPORTED
 */
export function interpretConnection(raw: Raw, httpsClient: Raw, own: Raw): ConnectionConfig {
  const serverCertificate = text(raw["ServerCertificate"]);
  const client = clientOf(httpsClient);
  const bytesPerSecond = own["RateLimitBytesPerSecond"] as number | undefined;
  const retryDownloadCount = (raw["RetryDownloadCount"] as number | undefined) ?? 10;
  if (retryDownloadCount < 1 || retryDownloadCount > MAX_DOWNLOAD_RETRIES) {
    throw new AgentError("CONFIG_INVALID", { key: "RetryDownloadCount", value: retryDownloadCount });
  }
  const idleMs = ((own["IdleTimeoutSeconds"] as number | undefined) || 300) * 1000;
  return {
    ...(serverCertificate !== undefined && { serverCertificate }),
    skipVerify: raw["SkipVerify"] === true,
    ...(client !== undefined && { client }),
    idleMs,
    retryDownloadCount,
    retryDownloadWaitMs: ((own["DownloadRetryWaitSeconds"] as number | undefined) ?? 60) * 1000,
    ...(bytesPerSecond !== undefined && bytesPerSecond > 0 && { bytesPerSecond }),
    slowest: {
      bytesPerSecond: (own["MinBytesPerSecond"] as number | undefined) ?? SLOWEST_BYTES_PER_SECOND,
      // Longer than any tolerated silence.
      overMs: 2 * idleMs,
    },
  };
}

function clientOf(raw: Raw): ConnectionConfig["client"] {
  const certificate = text(raw["Certificate"]);
  const key = text(raw["Key"]);
  if (text(raw["SSLEngine"]) !== undefined || key?.startsWith("pkcs11:") === true) {
    throw new AgentError("KEY_ENGINE_UNSUPPORTED", { key: "HttpsClient" });
  }
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  throw new AgentError("CONFIG_INVALID", { key: "HttpsClient", reason: "Certificate and Key must both be set" });
}

/** An empty value counts as not set. */
const text = (value: unknown): string | undefined => (value === "" ? undefined : (value as string | undefined));
