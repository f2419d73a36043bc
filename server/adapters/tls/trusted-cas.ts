import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { ServerError } from "../../errors/server-error.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The authorities that the server trusts when it connects to others: those of Node, and those of a file.
 *
 * @returns `undefined` without a file: Node's own
 * @throws {ServerError} CONFIG_INVALID
 */
export async function trustedCas(file: string | undefined): Promise<readonly string[] | undefined> {
  if (file === undefined) return undefined;
  try {
    const found = (await readFile(file, "utf8")).match(PEM) ?? [];
    if (found.length === 0) throw new Error("it has no certificate in PEM");
    for (const pem of found) new X509Certificate(pem);
    return [...rootCertificates, ...found];
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("CONFIG_INVALID", { key: "trust-ca", file, reason }, { cause });
  }
}
