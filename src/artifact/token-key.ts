import { createPublicKey } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import { signatureOf } from "./command-signer.ts";
import { keyAlgorithm } from "./key-algorithm.ts";
import { withManifest } from "./manifest-folder.ts";
import type { VerificationKey } from "./signature.ts";
import type { SigningKey } from "./signing.ts";
import { type ProgramResult, type ProgramRules, runSigningProgram, type SigningProgram } from "./signing-program.ts";

/** How OpenSSL finds keys in tokens: by an engine, or, where engines are gone, by a provider. */
interface Access {
  readonly forKeys: readonly string[];
  readonly forDigests: readonly string[];
}

const ENGINE: Access = {
  forKeys: ["-engine", "pkcs11", "-inform", "engine"],
  forDigests: ["-engine", "pkcs11", "-keyform", "engine"],
};
const PROVIDER_OPTIONS = ["-provider", "pkcs11", "-provider", "default"];
const PROVIDER: Access = { forKeys: PROVIDER_OPTIONS, forDigests: PROVIDER_OPTIONS };

/** Lines of OpenSSL's error queue, and what its engine says when all is well. */
const NOT_FOR_PEOPLE = /^[0-9A-F]+:error:|^Engine "pkcs11" set\.|^$/;

/** A key in a token that signs. */
export interface TokenKey extends SigningKey {
  readonly publicKey: VerificationKey;
}

/**
 * Keys in PKCS#11 tokens, through the program `openssl`.
 *
 * @param env environment of `openssl`; `SOFTHSM2_CONF`, `PKCS11_MODULE_PATH` and `OPENSSL_CONF` configure it
 * @param pinFile file whose first line is the PIN of the token, unless the URI has it
 */
export function createTokenKeys(env: SigningProgram["env"], rules: ProgramRules, pinFile?: string) {
  const pin = pinFile === undefined ? [] : ["-passin", `file:${pinFile}`];
  const openssl = (uri: string, args: readonly string[], signal: AbortSignal): Promise<ProgramResult> =>
    runSigningProgram({ argv: ["openssl", ...args], label: shown(uri), env }, quiet(rules), signal);
  const access = async (uri: string, signal: AbortSignal): Promise<Access> =>
    (await openssl(uri, ["engine", "pkcs11"], signal)).exit === "0" ? ENGINE : PROVIDER;

  /** @throws {AgentError} TOKEN_KEY, KEY_UNSUPPORTED, KEY_WEAK, PROCESS_MISSING, SIGNER_TIMEOUT */
  async function verificationKey(uri: string, signal: AbortSignal): Promise<VerificationKey> {
    const { forKeys } = await access(uri, signal);
    const args = ["pkey", ...forKeys, "-in", uri, "-pubout"];
    // Most tokens give out a public key without a PIN. Some have only the private one.
    let result = await openssl(uri, [...args, "-pubin"], signal);
    if (!holdsKey(result)) result = await openssl(uri, [...args, ...pin], signal);
    if (!holdsKey(result)) throw new AgentError("TOKEN_KEY", { uri: shown(uri), reason: reasonIn(result, uri) });
    const key = createPublicKey(result.stdout);
    const algorithm = keyAlgorithm(key, shown(uri));
    if (algorithm !== "ed25519") return { label: shown(uri), algorithm, key };
    throw new AgentError("KEY_UNSUPPORTED", { path: shown(uri), type: algorithm });
  }

  /** Checks each signature with the token's public key. `sign` throws TOKEN_KEY and the codes of `signatureOf`. */
  async function signingKey(uri: string, signal: AbortSignal): Promise<TokenKey> {
    const key = await verificationKey(uri, signal);
    const { forDigests } = await access(uri, signal);
    return {
      publicKey: key,
      algorithm: key.algorithm,
      sign: (manifest, signing) =>
        withManifest(manifest, async ({ manifestPath }) => {
          const args = ["dgst", "-sha256", ...forDigests, ...pin, "-sign", uri, manifestPath];
          const result = await openssl(uri, args, signing);
          if (result.exit !== "0")
            throw new AgentError("TOKEN_KEY", { uri: shown(uri), reason: reasonIn(result, uri) });
          return signatureOf(result, manifest, key, shown(uri));
        }),
    };
  }

  return { verificationKey, signingKey };
}

const quiet = (rules: ProgramRules): ProgramRules => ({ ...rules, tell: () => undefined });

const holdsKey = ({ exit, stdout }: ProgramResult): boolean => exit === "0" && stdout.includes("BEGIN PUBLIC KEY");

/** The URI as errors show it: without its PIN. */
const shown = (uri: string): string => uri.replaceAll(PIN, "$1***");
const PIN = /(pin-value=)[^;&?]*/g;

/** OpenSSL repeats the URI in its messages. */
function reasonIn({ exit, stderr }: ProgramResult, uri: string): string {
  const lines = stderr.replaceAll(uri, shown(uri)).split("\n");
  const said = lines.map((line) => line.trim()).filter((line) => !NOT_FOR_PEOPLE.test(line));
  return said.length === 0 ? `openssl ended with ${exit}` : said.slice(0, 3).join("; ");
}
