import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { Logger } from "../util/logger.ts";
import { readSmallFile } from "../util/small-file.ts";
import { type KeyAlgorithm, keyAlgorithm, keyWeakness } from "./key-algorithm.ts";
import type { SignatureStatus } from "./model.ts";

/** A public key that verifies a manifest's signature. */
export interface VerificationKey {
  /** Name for the user: the path of the key file. */
  readonly label: string;
  readonly algorithm: KeyAlgorithm;
  readonly key: KeyObject;
}

/** Bytes of r‖s for P-256; the DER form of such a signature never has this length. */
const RAW_ECDSA_BYTES = 64;

/**
 * Reads a public key in PEM form.
 *
 * @throws {AgentError} KEY_UNREADABLE, KEY_NOT_PUBLIC (a private key or a certificate), KEY_INVALID, KEY_UNSUPPORTED, KEY_WEAK
 */
export async function loadVerificationKey(path: string): Promise<VerificationKey> {
  return verificationKeyOf(path, await readKeyFile(path));
}

/**
 * The same for the text of a key.
 *
 * @throws {AgentError} KEY_NOT_PUBLIC, KEY_INVALID, KEY_UNSUPPORTED, KEY_WEAK
 */
export function verificationKeyOf(path: string, pem: string): VerificationKey {
  const found = /-----BEGIN (?:[A-Z0-9]+ )*(PRIVATE KEY|CERTIFICATE)-----/.exec(pem)?.[1];
  if (found !== undefined) throw new AgentError("KEY_NOT_PUBLIC", { path, found: found.toLowerCase() });
  const key = parsePublicKey(pem, path);
  return { label: path, algorithm: keyAlgorithm(key, path), key };
}

/**
 * Loads the keys that a device accepts Artifacts from. Logs a warning for weak keys.
 *
 * @throws {AgentError} as `loadVerificationKey`
 */
export async function loadVerificationKeys(paths: readonly string[], log: Logger): Promise<readonly VerificationKey[]> {
  const keys = await Promise.all(paths.map(loadVerificationKey));
  for (const { label, key } of keys) {
    const weakness = keyWeakness(key);
    if (weakness !== undefined) log("warning", `${label}: ${weakness}`);
  }
  return keys;
}

/** Text of a key file. @throws {AgentError} KEY_UNREADABLE */
export async function readKeyFile(path: string): Promise<string> {
  try {
    return readSmallFile(path);
  } catch (cause) {
    throw new AgentError("KEY_UNREADABLE", { path }, cause);
  }
}

function parsePublicKey(pem: string, path: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new AgentError("KEY_INVALID", { path, wanted: "a public key in PEM form" }, cause);
  }
}

/**
 * Checks a manifest's signature with each key in turn. Never throws: a malformed signature is not valid.
 *
 * @param manifest the exact bytes of the member `manifest`
 * @param signatureBase64 the exact bytes of the member `manifest.sig`
 * @returns `valid` is undefined without keys; `key` is the label of the first key that verifies the signature
 * @see Artifact format v3, section 5
 */
export function verifySignature(
  manifest: Uint8Array,
  signatureBase64: Uint8Array,
  keys: readonly VerificationKey[],
): SignatureStatus {
  if (keys.length === 0) return { present: true };
  const signature = decodeBase64(signatureBase64);
  const fits = signature && keys.find((candidate) => verifies(manifest, signature, candidate));
  return fits === undefined ? { present: true, valid: false } : { present: true, valid: true, key: fits.label };
}

/**
 * Decodes base64 as Go's decoder does: standard alphabet with padding and no stray bits; line ends are ignored. Returns
 * `undefined` for anything else.
 */
function decodeBase64(bytes: Uint8Array): Buffer | undefined {
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/[\r\n]/g, "");
  const decoded = Buffer.from(text, "base64");
  return text !== "" && decoded.toString("base64") === text ? decoded : undefined;
}

function verifies(manifest: Uint8Array, signature: Buffer, { algorithm, key }: VerificationKey): boolean {
  try {
    switch (algorithm) {
      case "rsa":
        return verify("sha256", manifest, key, signature);
      case "ecdsa-p256": {
        // mender-artifact with key files writes raw r‖s; PKCS#11 and cloud signers write DER.
        const dsaEncoding = signature.length === RAW_ECDSA_BYTES ? "ieee-p1363" : "der";
        return verify("sha256", manifest, { key, dsaEncoding }, signature);
      }
      case "ed25519":
        return verify(null, manifest, key, signature);
    }
  } catch {
    // ignored: OpenSSL throws for some malformed signatures and returns false for others; both mean "not valid".
    return false;
  }
}
