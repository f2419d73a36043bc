import { createHmac } from "node:crypto";

/** The header of Mender's webhooks. */
export const SIGNATURE_HEADER = "x-men-signature";

/** HMAC-SHA256 of the body, in hexadecimal. */
export const signatureOf = (secret: Buffer, body: string): string =>
  createHmac("sha256", secret).update(body).digest("hex");
