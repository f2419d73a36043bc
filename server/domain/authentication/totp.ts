import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Apps for phones know these and often no others: SHA-1, six digits, thirty seconds. */
const DIGITS = 6;
const STEP_S = 30;
/** A clock may be wrong by so many steps. */
const SKEW_STEPS = 1;
const SECRET_BYTES = 20;
const RECOVERY_CODES = 10;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export const newTotpSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** RFC 4648, without padding: how apps take a secret. */
export function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, "0"), 2)]).join("");
}

/** The number of the time step. */
export const totpStep = (seconds: number): number => Math.floor(seconds / STEP_S);

/** The code of a time step. @see RFC 6238, and RFC 4226 section 5.3 */
export function totpCode(secret: Uint8Array, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = createHmac("sha1", secret).update(counter).digest();
  const offset = hash.readUInt8(hash.length - 1) & 0xf;
  return String((hash.readUInt32BE(offset) & 0x7f_ff_ff_ff) % 10 ** digits).padStart(digits, "0");
}

/**
 * The time step whose code this is.
 *
 * @param after the step of the last code that was used: it and those before it are not good any more
 * @returns undefined for a wrong code
 */
export function stepOfCode(secret: Uint8Array, code: string, seconds: number, after: number): number | undefined {
  const given = Buffer.from(plainCode(code));
  const now = totpStep(seconds);
  let found: number | undefined;
  for (let step = now - SKEW_STEPS; step <= now + SKEW_STEPS; step += 1) {
    const expected = Buffer.from(totpCode(secret, step));
    const isEqual = given.length === expected.length && timingSafeEqual(given, expected);
    if (isEqual && step > after) found ??= step;
  }
  return found;
}

/** The address that an app reads from a QR code. */
export function totpUri(secret: Uint8Array, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
}

/** Codes for who has lost the app, each good once: 50 random bits, so that their hash is enough to keep. */
export function newRecoveryCodes(): readonly string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const text = base32(randomBytes(7)).slice(0, 10).toLowerCase();
    return `${text.slice(0, 5)}-${text.slice(5)}`;
  });
}

/** What is kept of a recovery code. */
export const recoveryHash = (code: string): string => createHash("sha256").update(plainCode(code)).digest("hex");

/** As people type it: with spaces, or in capital letters. */
const plainCode = (code: string): string => code.replaceAll(/[\s-]/g, "").toLowerCase();
