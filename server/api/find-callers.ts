import { findPerson } from "../adapters/postgres/people.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { Tokens } from "../adapters/tokens/tokens.ts";
import { grantsOf } from "../domain/permissions/grants.ts";
import { BUILT_IN_ROLES } from "../domain/permissions/matrix.ts";
import type { Callers } from "./callers.ts";
import type { DeviceMemories } from "./device/device-memories.ts";

/**
 * Finds callers by the signature of their token and by what the database says of it. Nothing of a person is remembered:
 * roles that change hold for the next request, on every process.
 */
export function findCallers(postgres: Postgres, tokens: Tokens, memories: DeviceMemories): Callers {
  return {
    device: (token) => memories.find(token),
    async person({ from, token }, address) {
      const claims = await tokens.verify(token);
      if (claims?.kind !== (from === "cookie" ? "console" : "user")) return undefined;
      const [row] = await findPerson(postgres, claims.tenant, claims.jti, address);
      if (row?.user_id !== claims.sub) return undefined;
      const { tenant, sub: user, jti: session } = claims;
      const tokenName = row.name ?? undefined;
      const builtIn = row.roles.flatMap((role) => BUILT_IN_ROLES[role]?.sets ?? []);
      const { email, created_at: issuedAt, must_set_up: mustSetUp } = row;
      const pageSecret = from === "cookie" ? tokens.pageSecret(session) : undefined;
      const grants = grantsOf(mustSetUp ? [] : [...builtIn, ...row.sets]);
      return { kind: "user", tenant, user, email, session, issuedAt, tokenName, mustSetUp, pageSecret, grants };
    },
  };
}
