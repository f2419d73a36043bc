import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { openAuthority } from "../adapters/tls/authority.ts";
import { serverNames } from "../adapters/tls/names.ts";
import type { Config } from "../config/config.ts";
import { ServerError } from "../errors/server-error.ts";

/** What the HTTPS listener shows, and how to get it anew before it expires. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Certificate of our own authority, if that issued it. */
  readonly caCert: string | undefined;
}

export const tlsFolder = (data: string): string => join(data, "tls");

/**
 * The certificate of the listener for devices; `undefined` without TLS.
 *
 * @throws {ServerError} CONFIG_INVALID if a file does not hold what it should
 */
export async function loadCertificate({ tls, data, url }: Config): Promise<Certificate | undefined> {
  if (tls.kind === "off") return undefined;
  if (tls.kind === "auto") {
    const authority = await openAuthority(tlsFolder(data), new Date());
    return { ...(await authority.serverIdentity(serverNames(url), new Date())), caCert: authority.caCert };
  }
  const [cert, key] = await Promise.all([tls.cert, tls.key].map(readPem));
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("CONFIG_INVALID", { key: "tls", value: `${tls.cert},${tls.key}`, reason }, { cause });
  }
  return { cert: cert ?? "", key: key ?? "", caCert: undefined };
}

async function readPem(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("CONFIG_INVALID", { key: "tls", file, reason }, { cause });
  });
}
