import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

/** An Ed25519 key in PKCS#8 is this, and then its 32 bytes. */
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** A device that exists only as numbers: it has a key and an identity, and always the same for the same seed. */
export interface SimulatedDevice {
  readonly index: number;
  readonly mac: string;
  /** Body and signature of its authentication request. */
  request(tenantToken: string | undefined): { readonly body: string; readonly signature: string };
}

/** Makes no key before it is needed: a hundred thousand of them take memory. */
export function simulatedDevice(seed: string, index: number): SimulatedDevice {
  const digest = createHash("sha256").update(`${seed}/${index}`).digest();
  const mac = ["02", ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
  return {
    index,
    mac,
    request(tenantToken) {
      const key = keyFrom(digest);
      const pubkey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
      const body = JSON.stringify({
        id_data: JSON.stringify({ mac, serial: `SIM-${String(index).padStart(7, "0")}` }),
        pubkey,
        ...(tenantToken !== undefined && { tenant_token: tenantToken }),
      });
      return { body, signature: sign(null, Buffer.from(body), key).toString("base64") };
    },
  };
}

const keyFrom = (secret: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: "der", type: "pkcs8" });

/** A number from 0 to 1 that is always the same for the same words. */
export function share(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(words.join("/")).digest().readUInt32BE(0) / 2 ** 32;
}
