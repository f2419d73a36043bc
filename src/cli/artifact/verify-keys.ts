import type { CliIo } from "../../agent/io.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import type { ProgramRules } from "../../artifact/signing-program.ts";

/** How the name of a key in a PKCS#11 token begins. */
export const TOKEN_URI = "pkcs11:";
/** For a person who has to find a token and enter a PIN. */
const TOKEN_TIMEOUT_MS = 120_000;

/** How programs that sign run for this command. */
export function programRules(io: CliIo, timeoutMs: number = TOKEN_TIMEOUT_MS): ProgramRules {
  return { timeoutMs, hasTerminal: io.ask !== undefined, tell: (line) => io.err(line) };
}

/**
 * @param name of a file, or the URI of a key in a token
 * @throws {AgentError} TOKEN_KEY, PROCESS_MISSING, SIGNER_TIMEOUT; the codes of `loadVerificationKey`
 */
export async function loadVerifyKey(name: string, rules: ProgramRules, io: CliIo): Promise<VerificationKey> {
  if (name.startsWith(TOKEN_URI)) {
    const { createTokenKeys } = await import("../../artifact/token-key.ts");
    return await createTokenKeys(io.env, rules).verificationKey(name, io.signal);
  }
  const { loadVerificationKey } = await import("../../artifact/signature.ts");
  return await loadVerificationKey(name);
}
