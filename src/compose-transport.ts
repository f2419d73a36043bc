import { readFile } from "node:fs/promises";
import { createUndiciTransport } from "../adapters/transport/undici-transport.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Transport } from "./ports/transport.ts";

/** @throws {AgentError} CONFIG_INVALID when the file of trusted certificates cannot be read */
export async function composeTransport({ trustedCerts, skipVerify }: GlobalOptions): Promise<Transport> {
  if (trustedCerts === undefined) return createUndiciTransport({ skipVerify });
  try {
    return createUndiciTransport({ skipVerify, trustedCerts: await readFile(trustedCerts, "utf8") });
  } catch (cause) {
    throw new AgentError("CONFIG_INVALID", { option: "--trusted-certs", file: trustedCerts }, cause);
  }
}
