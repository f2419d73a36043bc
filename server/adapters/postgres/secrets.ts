import { generateKeyPairSync, randomBytes } from "node:crypto";
import { type Postgres, sql } from "./postgres.ts";

/** The keys that all processes of an installation share. They are made at the first start, and never change. */
export interface Secrets {
  /** PKCS#8 PEM of the Ed25519 key that signs tokens. */
  readonly tokenKey: string;
  /** The key of download links. */
  readonly linkKey: Buffer;
}

const MAKE = {
  "token-key": () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  "link-key": () => randomBytes(32).toString("base64"),
};

/** Reads the secrets, and makes those that are missing. If two processes do it at once, both get the same secrets. */
export async function loadSecrets(postgres: Postgres): Promise<Secrets> {
  return postgres.shared(async (session) => {
    for (const [name, make] of Object.entries(MAKE))
      await session.run(
        sql
          .insertInto("secrets")
          .values({ name, value: make() })
          .onConflict((conflict) => conflict.doNothing()),
      );
    const rows = await session.rows(sql.selectFrom("secrets").select(["name", "value"]));
    const secretOf = (name: keyof typeof MAKE): string => {
      const found = rows.find((row) => row.name === name);
      if (found === undefined) throw new Error(`no secret ${name}`);
      return found.value;
    };
    return { tokenKey: secretOf("token-key"), linkKey: Buffer.from(secretOf("link-key"), "base64") };
  });
}
