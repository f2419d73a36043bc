import { X509Certificate } from "node:crypto";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Logger } from "../../src/util/logger.ts";
import { readSmallBytes } from "../../src/util/small-file.ts";

/** Makes TLS connections, each with the same certificates and keys. */
export interface TlsClient {
  connect(to: ConnectionOptions): TLSSocket;
}

export interface TlsFiles {
  /** PEM file with certificates to trust in addition to the system's. */
  readonly serverCertificate?: string;
  /** PEM files with the device's certificate and private key. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Accepts any server certificate. */
  readonly skipVerify: boolean;
  /** Candidate files; the first readable one is the system's store. */
  readonly systemStores: readonly string[];
}

/**
 * TLS 1.2 and later; trusts the system's store and `serverCertificate`.
 *
 * @throws {AgentError} TLS_NO_TRUST if both are unusable; CONFIG_INVALID if the device's own certificate or key is
 * unusable
 */
export async function loadTlsClient(files: TlsFiles, log: Logger): Promise<TlsClient> {
  if (files.skipVerify) {
    log("warning", "TLS IS NOT VERIFIED (SkipVerify): anyone on the network can pose as the server.");
  }
  const ca = files.skipVerify ? [] : await trusted(files, log);
  const rejectUnauthorized = !files.skipVerify;
  const own = { secureContext: await contextOf(ca, files.client), rejectUnauthorized, ALPNProtocols: ["http/1.1"] };
  return { connect: (to) => connect({ ...to, ...own }) };
}

async function trusted({ serverCertificate, systemStores }: TlsFiles, log: Logger): Promise<Buffer[]> {
  const own = serverCertificate === undefined ? undefined : await readCertificates(serverCertificate);
  if (own?.reason !== undefined) {
    log("warning", `ServerCertificate ${serverCertificate} is ignored: ${own.reason}`);
  }
  let system: Buffer | undefined;
  for (const store of systemStores) system ??= (await readCertificates(store)).pem;
  if (system === undefined) log("warning", `The system has no certificate store: ${systemStores.join(", ")}`);
  const found = [system, own?.pem].filter((pem) => pem !== undefined);
  if (found.length === 0) throw new AgentError("TLS_NO_TRUST");
  return found;
}

type Certificates =
  | { readonly pem: Buffer; readonly reason?: undefined }
  | { readonly pem?: undefined; readonly reason: string };

async function readCertificates(file: string): Promise<Certificates> {
  try {
    const pem = readSmallBytes(file);
    // Reports what is wrong with the first certificate; OpenSSL silently ignores a file without certificates.
    new X509Certificate(pem);
    return { pem };
  } catch (cause) {
    // ignored: the caller logs this reason for not using the file.
    return { reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

async function contextOf(ca: Buffer[], client: TlsFiles["client"]): Promise<SecureContext> {
  try {
    const own = client && { cert: readSmallBytes(client.certificate), key: readSmallBytes(client.key) };
    return createSecureContext({ minVersion: "TLSv1.2", ca, ...own });
  } catch (cause) {
    throw new AgentError("CONFIG_INVALID", { certificate: client?.certificate ?? "", key: client?.key ?? "" }, cause);
  }
}
