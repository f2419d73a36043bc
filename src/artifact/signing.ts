import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import { type KeyAlgorithm, keyAlgorithm, keyWeakness } from "./key-algorithm.ts";
import { readKeyFile } from "./signature.ts";

/** A private key that signs manifests. */
export interface SigningKey {
  readonly algorithm: KeyAlgorithm;
  readonly key: KeyObject;
}

/**
 * Reads a private key in PEM form: PKCS#1, SEC1 or PKCS#8, without a passphrase.
 *
 * @param warn called for a weak key, and for one whose signatures other clients cannot verify
 * @throws {AgentError} KEY_UNREADABLE, KEY_NOT_PRIVATE, KEY_ENCRYPTED, KEY_INVALID, KEY_UNSUPPORTED, KEY_WEAK
 */
export async function loadSigningKey(path: string, warn: (message: string) => void): Promise<SigningKey> {
  const pem = await readKeyFile(path);
  refuseOtherPem(pem, path);
  const key = parsePrivateKey(pem, path);
  const algorithm = keyAlgorithm(key, path);
  if (algorithm === "ed25519") warn(`${path} is an Ed25519 key: no other Mender client verifies its signatures`);
  const weakness = keyWeakness(key);
  if (weakness !== undefined) warn(`${path}: ${weakness}`);
  return { algorithm, key };
}

function refuseOtherPem(pem: string, path: string): void {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new AgentError("KEY_ENCRYPTED", { path });
  }
  const found = /-----BEGIN (?:[A-Z0-9]+ )*(PUBLIC KEY|CERTIFICATE)-----/.exec(pem)?.[1];
  const holdsPrivate = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(pem);
  if (found !== undefined && !holdsPrivate)
    throw new AgentError("KEY_NOT_PRIVATE", { path, found: found.toLowerCase() });
}

function parsePrivateKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new AgentError("KEY_INVALID", { path, wanted: "a private key in PEM form" }, cause);
  }
}

/**
 * Signs a manifest: RSASSA-PKCS1-v1_5 and ECDSA P-256 with SHA-256, or Ed25519. RSA and Ed25519 produce the same bytes
 * each time; ECDSA does not.
 *
 * @returns content of the member `manifest.sig`: base64 on one line without a line end
 * @see Artifact format v3, section 5
 */
export function signManifest(manifest: Uint8Array, { algorithm, key }: SigningKey): Uint8Array {
  const digest = algorithm === "ed25519" ? null : "sha256";
  const signature = sign(digest, manifest, algorithm === "ecdsa-p256" ? { key, dsaEncoding: "ieee-p1363" } : key);
  return Buffer.from(signature.toString("base64"), "latin1");
}
