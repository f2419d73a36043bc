import { constants, createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { keyAlgorithm } from "../../../src/artifact/key-algorithm.ts";

/** The public key of a device. */
export interface PublicKey {
  /** The normal form: PEM as this server encodes it. */
  readonly pem: string;
  /** SHA-256 of the normal form. */
  readonly hash: Buffer;
  /** Whether the holder of the key has signed these bytes. */
  hasSigned(bytes: Buffer, signature: Buffer): boolean;
}

/** A longer key takes longer to verify, and no honest device needs one. */
const MAX_RSA_BITS = 8192;

/**
 * Reads a key of RSA, ECDSA P-256 or Ed25519 in PEM.
 *
 * @returns undefined for any other text, and for keys for which anybody can forge signatures
 */
export function readPublicKey(pem: string): PublicKey | undefined {
  // OpenSSL would take a private key or a certificate as well.
  if (!/^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem)) return undefined;
  try {
    const key = createPublicKey(pem);
    const algorithm = keyAlgorithm(key, "pubkey");
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > MAX_RSA_BITS) return undefined;
    const normal = key.export({ type: "spki", format: "pem" }).toString();
    const hash = createHash("sha256").update(normal).digest();
    return { pem: normal, hash, hasSigned: (bytes, signature) => CHECKS[algorithm](key, bytes, signature) };
  } catch {
    return undefined;
  }
}

const CHECKS: Readonly<
  Record<ReturnType<typeof keyAlgorithm>, (key: KeyObject, bytes: Buffer, signature: Buffer) => boolean>
> = {
  rsa: (key, bytes, signature) => verify("sha256", bytes, { key, padding: constants.RSA_PKCS1_PADDING }, signature),
  "ecdsa-p256": (key, bytes, signature) => verify("sha256", bytes, { key, dsaEncoding: "der" }, signature),
  ed25519: (key, bytes, signature) => verify(null, bytes, key, signature),
};
