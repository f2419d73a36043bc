import { AgentError } from "../errors/agent-error.ts";
import { type ManifestFolder, withManifest } from "./manifest-folder.ts";
import { type VerificationKey, verifySignature } from "./signature.ts";
import { formOf, rawEcdsa, signatureBytes } from "./signature-form.ts";
import type { SigningKey } from "./signing.ts";
import { type ProgramResult, type ProgramRules, runSigningProgram, type SigningProgram } from "./signing-program.ts";

/** What a command that signs gets besides the bytes of the digest on its standard input. */
interface Environment {
  readonly SWITCHBACK_SIGN_HASH: "sha256";
  /** The digest in hexadecimal digits. */
  readonly SWITCHBACK_SIGN_DIGEST: string;
  /** File with the manifest, of which the digest is. */
  readonly SWITCHBACK_SIGN_MANIFEST: string;
  /** Private folder that is removed when the command has ended. */
  readonly SWITCHBACK_SIGN_FOLDER: string;
  /** Absent without a public key. */
  readonly SWITCHBACK_SIGN_ALGORITHM?: string;
}

/**
 * A key behind a shell command, for example of a cloud key service. The command gets the 32 bytes of the manifest's
 * SHA-256 on its standard input and prints the signature: binary or base64; ECDSA as DER or as raw r‖s.
 *
 * `sign` throws SIGNER_FAILED, SIGNER_OUTPUT, SIGNER_KEY, SIGNER_TIMEOUT, PROCESS_START.
 *
 * @param key every signature must fit this public key
 */
export function commandSigner(
  command: string,
  key: VerificationKey | undefined,
  env: SigningProgram["env"],
  rules: ProgramRules,
): SigningKey {
  return {
    algorithm: key?.algorithm,
    sign: (manifest, signal) =>
      withManifest(manifest, async (files) => {
        const program: SigningProgram = {
          argv: ["/bin/sh", "-c", command],
          label: command,
          env: { ...env, ...environmentOf(files, key) },
          stdin: files.digestFd,
        };
        const result = await runSigningProgram(program, rules, signal);
        return signatureOf(result, manifest, key, command);
      }),
  };
}

function environmentOf(
  { sha256, manifestPath, folder }: ManifestFolder,
  key: VerificationKey | undefined,
): SigningProgram["env"] {
  return {
    SWITCHBACK_SIGN_HASH: "sha256",
    SWITCHBACK_SIGN_DIGEST: sha256.toString("hex"),
    SWITCHBACK_SIGN_MANIFEST: manifestPath,
    SWITCHBACK_SIGN_FOLDER: folder,
    ...(key === undefined ? {} : { SWITCHBACK_SIGN_ALGORITHM: key.algorithm }),
  } satisfies Environment;
}

/**
 * The signature that a program printed, in the form that every client verifies.
 *
 * @throws {AgentError} SIGNER_FAILED, SIGNER_OUTPUT, SIGNER_KEY
 */
export function signatureOf(
  { exit, stdout, stderr }: ProgramResult,
  manifest: Uint8Array,
  key: VerificationKey | undefined,
  signer: string,
): Uint8Array {
  if (exit !== "0") throw new AgentError("SIGNER_FAILED", { signer, exit, stderr: stderr.trim() });
  if (stdout.length === 0) throw new AgentError("SIGNER_OUTPUT", { signer, reason: "no output" });
  const printed = signatureBytes(stdout);
  const signature = key === undefined ? guessed(printed) : ofAlgorithm(printed, key);
  if (signature === undefined) {
    const reason = `these ${stdout.length} bytes are not a signature of ${key?.algorithm ?? "RSA or ECDSA P-256"}`;
    throw new AgentError("SIGNER_OUTPUT", { signer, reason });
  }
  if (key === undefined) return signature;
  const { valid } = verifySignature(manifest, Buffer.from(Buffer.from(signature).toString("base64")), [key]);
  if (valid !== true) throw new AgentError("SIGNER_KEY", { signer, key: key.label });
  return signature;
}

function guessed(printed: Buffer): Uint8Array | undefined {
  const form = formOf(printed);
  return form === "der" ? rawEcdsa(printed) : form && printed;
}

function ofAlgorithm(printed: Buffer, { algorithm, key }: VerificationKey): Uint8Array | undefined {
  if (algorithm === "ecdsa-p256") return rawEcdsa(printed);
  const bits = algorithm === "rsa" ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 512;
  return printed.length === Math.ceil(bits / 8) ? printed : undefined;
}
