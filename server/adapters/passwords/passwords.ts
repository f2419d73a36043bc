import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** What one check costs: 32 MiB for each of three passes. The numbers are in each hash, so they can grow later. */
const COST = { N: 2 ** 15, r: 8, p: 3 };
const MEMORY_BYTES = 64 * 1024 * 1024;

const derive = (password: string, salt: Buffer, { N, r, p }: typeof COST): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, 32, { N, r, p, maxmem: MEMORY_BYTES }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });

/** The text that is stored for a password: `scrypt$N$r$p$salt$key`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64"), key.toString("base64")].join("$");
}

/** Takes the same time whether there is such a user or not: give `undefined` if there is none. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, N = COST.N, r = COST.r, p = COST.p, salt = "", key = ""] = stored?.split("$") ?? [];
  const expected = Buffer.from(key, "base64");
  const actual = await derive(password, Buffer.from(salt, "base64"), { N: Number(N), r: Number(r), p: Number(p) });
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
