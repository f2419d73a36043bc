import { systemClock } from "../../adapters/clock/system-clock.ts";
import type { ConnectOptions } from "../../adapters/transport/connect.ts";
import { createHttpTransport } from "../../adapters/transport/http-transport.ts";
import { readProxies } from "../../adapters/transport/proxy.ts";
import { SYSTEM_STORES } from "../../adapters/transport/system-stores.ts";
import type { TlsClient, TlsFiles } from "../../adapters/transport/tls-client.ts";
import type { ConnectionConfig } from "../config/connection.ts";
import { AgentError } from "../errors/agent-error.ts";
import type { Transport } from "../ports/transport.ts";
import type { Logger } from "../util/logger.ts";
import { readSmallFile } from "../util/small-file.ts";
import type { GlobalOptions } from "./options.ts";

/**
 * The command line's options override the configuration. Proxies and another system store (`SSL_CERT_FILE`) come from
 * the environment.
 *
 * @throws {AgentError} CONFIG_INVALID when the file of trusted certificates cannot be read, or a proxy is invalid
 */
export async function composeTransport(...parts: Parameters<typeof connectOptions>): Promise<Transport> {
  return createHttpTransport(await connectOptions(...parts));
}

/** The options of each connection, from the same sources and with the same errors as `composeTransport`. */
export async function connectOptions(
  { trustedCerts, skipVerify }: GlobalOptions,
  connection: ConnectionConfig,
  env: Readonly<Record<string, string | undefined>>,
  log: Logger,
): Promise<ConnectOptions> {
  if (trustedCerts !== undefined) await checkReadable(trustedCerts);
  const serverCertificate = trustedCerts ?? connection.serverCertificate;
  const store = env["SSL_CERT_FILE"];
  const files: TlsFiles = {
    ...(serverCertificate !== undefined && { serverCertificate }),
    ...(connection.client !== undefined && { client: connection.client }),
    skipVerify: skipVerify || connection.skipVerify,
    systemStores: store === undefined || store === "" ? SYSTEM_STORES : [store],
  };
  let tls: Promise<TlsClient> | undefined;
  return {
    idleMs: connection.idleMs,
    startTimer: systemClock.startTimer,
    proxies: readProxies(env),
    tls() {
      tls ??= import("../../adapters/transport/tls-client.ts").then(({ loadTlsClient }) => loadTlsClient(files, log));
      return tls;
    },
  };
}

async function checkReadable(file: string): Promise<void> {
  try {
    readSmallFile(file);
  } catch (cause) {
    throw new AgentError("CONFIG_INVALID", { option: "--trusted-certs", file }, cause);
  }
}
