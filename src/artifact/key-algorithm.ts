import type { KeyObject } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";

/** Types of keys that sign Artifacts. Other clients support the first two. */
export type KeyAlgorithm = "rsa" | "ecdsa-p256" | "ed25519";

/** Shorter moduli have been factored. */
const MIN_RSA_BITS = 1024;
/** The minimum in all current guidelines; shorter keys are in use in the field. */
const GOOD_RSA_BITS = 2048;

/**
 * @throws {AgentError} KEY_UNSUPPORTED with the type or curve of the key; KEY_WEAK if an attacker can forge signatures
 * for this key
 */
export function keyAlgorithm(key: KeyObject, path: string): KeyAlgorithm {
  refuseForgeable(key, path);
  const type = key.asymmetricKeyType ?? "unknown";
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (type === "rsa" || type === "ed25519") return type;
  if (type === "ec" && curve === "prime256v1") return "ecdsa-p256";
  throw new AgentError("KEY_UNSUPPORTED", { path, type, ...(curve === undefined ? {} : { curve }) });
}

/** @throws {AgentError} KEY_WEAK if an attacker can forge signatures for this key */
export function refuseForgeable(key: KeyObject, path: string): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === "rsa") {
    const { modulusLength: bits = 0, publicExponent = 0n } = details;
    if (bits < MIN_RSA_BITS) throw new AgentError("KEY_WEAK", { path, type, bits });
    if (publicExponent < 3n || publicExponent % 2n === 0n) {
      throw new AgentError("KEY_WEAK", { path, type, exponent: String(publicExponent) });
    }
  }
  if (type === "ed25519" && isLowOrder(key)) {
    throw new AgentError("KEY_WEAK", { path, type, reason: "a point of low order" });
  }
}

/** Why an accepted key should be replaced; `undefined` for a good key. */
export function keyWeakness(key: KeyObject): string | undefined {
  const bits = key.asymmetricKeyType === "rsa" ? key.asymmetricKeyDetails?.modulusLength : undefined;
  return bits !== undefined && bits < GOOD_RSA_BITS
    ? `RSA with ${bits} bits is weak: use ${GOOD_RSA_BITS} or more`
    : undefined;
}

/** The y coordinates of points whose order divides 8, including values not reduced modulo 2^255 - 19; little-endian. */
const LOW_ORDER_Y: ReadonlySet<string> = new Set([
  "0".repeat(64),
  `01${"0".repeat(62)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ...["ec", "ed", "ee"].map((first) => `${first}${"f".repeat(60)}7f`),
]);

function isLowOrder(key: KeyObject): boolean {
  const { x = "" } = key.export({ format: "jwk" });
  const point = Buffer.from(x, "base64url");
  // The highest bit is the sign of x.
  point.writeUInt8(point.readUInt8(31) & 0x7f, 31);
  return LOW_ORDER_Y.has(point.toString("hex"));
}
