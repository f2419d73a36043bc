import { findPerson } from "../adapters/postgres/people.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { Tokens } from "../adapters/tokens/tokens.ts";
import { PERMISSIONS } from "../domain/permissions/permissions.ts";
import type { Callers } from "./callers.ts";
import type { DeviceMemories } from "./device/device-memories.ts";

const ALL_PERMISSIONS = new Set(PERMISSIONS);

/** Finds callers by the signature of their token and by what the database says of it. */
export function findCallers(postgres: Postgres, tokens: Tokens, memories: DeviceMemories): Callers {
  return {
    device: (token) => memories.find(token),
    async person(token) {
      const claims = await tokens.verify(token);
      if (claims?.kind !== "user") return undefined;
      const [row] = await findPerson(postgres, claims.tenant, claims.jti);
      if (row?.user_id !== claims.sub) return undefined;
      const { tenant, sub: user, jti: session } = claims;
      const tokenName = row.name ?? undefined;
      return { kind: "user", tenant, user, email: row.email, session, tokenName, permissions: ALL_PERMISSIONS };
    },
  };
}
