import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import { type KeyAlgorithm, keyAlgorithm, keyWeakness } from "./key-algorithm.ts";
import { readKeyFile } from "./signature.ts";

/** Of ECDSA P-256, as r‖s, and of Ed25519. */
const CURVE_SIGNATURE_BYTES = 64;

/** Signs manifests: a key in a file, in a token, or behind a program of the user's. */
export interface SigningKey {
  /** `undefined` if only the program that signs knows the algorithm. */
  readonly algorithm: KeyAlgorithm | undefined;
  /** Length of every signature, if it is known before signing. */
  readonly signatureBytes?: number;
  /**
   * RSASSA-PKCS1-v1_5 or ECDSA P-256 (raw r‖s) with SHA-256, or Ed25519. RSA and Ed25519 produce the same bytes each
   * time; ECDSA does not.
   */
  sign(manifest: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

/**
 * Reads a private key in PEM form: PKCS#1, SEC1 or PKCS#8.
 *
 * @param passphrase of an encrypted key
 * @param warn called for a weak key, and for one whose signatures other clients cannot verify
 * @throws {AgentError} KEY_UNREADABLE, KEY_NOT_PRIVATE, KEY_ENCRYPTED, KEY_PASSPHRASE, KEY_INVALID, KEY_UNSUPPORTED, KEY_WEAK
 */
export async function loadSigningKey(
  path: string,
  warn: (message: string) => void,
  passphrase?: string,
): Promise<SigningKey> {
  const pem = await readKeyFile(path);
  const isEncrypted = ENCRYPTED.test(pem);
  if (isEncrypted && passphrase === undefined) throw new AgentError("KEY_ENCRYPTED", { path });
  refuseOtherPem(pem, path);
  const key = parsePrivateKey(pem, path, isEncrypted ? passphrase : undefined);
  const algorithm = keyAlgorithm(key, path);
  warnOfKey(path, key, warn);
  const modulusBits = key.asymmetricKeyDetails?.modulusLength;
  return {
    algorithm,
    signatureBytes: modulusBits === undefined ? CURVE_SIGNATURE_BYTES : modulusBits / 8,
    async sign(manifest) {
      const digest = algorithm === "ed25519" ? null : "sha256";
      return sign(digest, manifest, algorithm === "ecdsa-p256" ? { key, dsaEncoding: "ieee-p1363" } : key);
    },
  };
}

/** Warns of a key that is weak, or whose signatures other clients cannot verify. */
export function warnOfKey(name: string, key: KeyObject, warn: (message: string) => void): void {
  if (key.asymmetricKeyType === "ed25519")
    warn(`${name} is an Ed25519 key: no other Mender client verifies its signatures`);
  const weakness = keyWeakness(key);
  if (weakness !== undefined) warn(`${name}: ${weakness}`);
}

const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

function refuseOtherPem(pem: string, path: string): void {
  const found = /-----BEGIN (?:[A-Z0-9]+ )*(PUBLIC KEY|CERTIFICATE)-----/.exec(pem)?.[1];
  const holdsPrivate = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(pem);
  if (found !== undefined && !holdsPrivate)
    throw new AgentError("KEY_NOT_PRIVATE", { path, found: found.toLowerCase() });
}

function parsePrivateKey(pem: string, path: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (cause) {
    if (passphrase !== undefined) throw new AgentError("KEY_PASSPHRASE", { path }, cause);
    throw new AgentError("KEY_INVALID", { path, wanted: "a private key in PEM form" }, cause);
  }
}

/**
 * Signs a manifest.
 *
 * @returns content of the member `manifest.sig`: base64 on one line without a line end
 * @throws the errors of the key; the signal's reason
 * @see Artifact format v3, section 5
 */
export async function signManifest(manifest: Uint8Array, key: SigningKey, signal: AbortSignal): Promise<Uint8Array> {
  const signature = await key.sign(manifest, signal);
  return Buffer.from(Buffer.from(signature).toString("base64"), "latin1");
}
