import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { interpretConnection } from "../../config/connection.ts";
import { type Account, fetchTenantToken } from "../../core/server/tenant-token.ts";
import { VERSION } from "../../version.ts";
import type { CliIo } from "../io.ts";
import { createLogger } from "../logging.ts";
import type { GlobalOptions } from "../options.ts";
import { composeTransport } from "../transport.ts";

/** Asks a server before it is configured. Throws the errors of `fetchTenantToken`, and CONFIG_INVALID. */
export async function tenantTokenOf(
  global: GlobalOptions,
  server: { readonly url: string; readonly certificate: string | undefined },
  account: Account,
  io: CliIo,
): Promise<string | undefined> {
  const connection = interpretConnection({ ServerCertificate: server.certificate }, {}, {});
  const transport = await composeTransport(global, connection, io.env, createLogger(io, global));
  try {
    return await fetchTenantToken({ transport, clock: systemClock, version: VERSION }, server.url, account, io.signal);
  } finally {
    await transport.close();
  }
}
