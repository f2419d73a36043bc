/** Bytes of r‖s for P-256. */
const RAW_ECDSA_BYTES = 64;
const HALF_BYTES = RAW_ECDSA_BYTES / 2;
const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** How a signature without a known key was recognised. */
export type SignatureForm = "raw" | "der" | "rsa";

/** The bytes of a signature that a program printed: as they are, or decoded if they are base64 text. */
export function signatureBytes(printed: Uint8Array): Buffer {
  const bytes = Buffer.from(printed);
  const text = bytes.toString("latin1").replace(/\s+/g, "");
  // No binary signature consists of such characters alone: it has at least 64 random bytes.
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : bytes;
}

/**
 * Recognises a signature without its key. `undefined`: the bytes are not a signature of a supported algorithm.
 * (Ed25519 has the length of raw ECDSA.)
 */
export function formOf(signature: Uint8Array): SignatureForm | undefined {
  if (signature.length === RAW_ECDSA_BYTES) return "raw";
  if (derIntegers(signature) !== undefined) return rawEcdsa(signature) === undefined ? undefined : "der";
  // The length of an RSA modulus of at least 1024 bits.
  return signature.length >= 128 && signature.length % 8 === 0 && signature.length <= 2048 ? "rsa" : undefined;
}

/** An ECDSA P-256 signature as r‖s; every client verifies this form. `undefined` if it is not one. */
export function rawEcdsa(signature: Uint8Array): Buffer | undefined {
  if (signature.length === RAW_ECDSA_BYTES) return Buffer.from(signature);
  const halves = derIntegers(signature)?.map((integer) => {
    const first = integer.findIndex((byte) => byte !== 0);
    const digits = first < 0 ? new Uint8Array(0) : integer.subarray(first);
    return digits.length > HALF_BYTES
      ? undefined
      : Buffer.concat([Buffer.alloc(HALF_BYTES - digits.length), Buffer.from(digits)]);
  });
  const [r, s] = halves ?? [];
  return r === undefined || s === undefined ? undefined : Buffer.concat([r, s]);
}

/** The two integers of `SEQUENCE { r INTEGER, s INTEGER }` that fills all bytes. */
function derIntegers(der: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const whole = derValue(der, SEQUENCE);
  const first = whole?.rest.length === 0 ? derValue(whole.value, INTEGER) : undefined;
  const second = first === undefined ? undefined : derValue(first.rest, INTEGER);
  return first === undefined || second?.rest.length !== 0 ? undefined : [first.value, second.value];
}

interface DerValue {
  readonly value: Uint8Array;
  readonly rest: Uint8Array;
}

/** A value of up to 255 bytes: those of supported and of larger curves. */
function derValue(der: Uint8Array, tag: number): DerValue | undefined {
  const [found, short = 0, long = 0] = der;
  const [start, length] = short === 0x81 ? [3, long] : [2, short];
  if (found !== tag || (short > 0x7f && short !== 0x81) || length === 0) return undefined;
  if (der.length < start + length) return undefined;
  return { value: der.subarray(start, start + length), rest: der.subarray(start + length) };
}
