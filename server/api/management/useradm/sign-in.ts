import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { SignInRulesChange, SignInRules as SignInRulesShape } from "../../../../src/protocol/api/sign-in.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { lockRoles } from "../../../adapters/postgres/roles.ts";
import {
  endPasswordSessions,
  readSignInRules,
  requireWayIn,
  type SignInRules,
  writeSignInRules,
} from "../../../adapters/postgres/sign-in-rules.ts";
import { findUser } from "../../../adapters/postgres/users.ts";
import { canonicalJson } from "../../../domain/canonical-json.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { requireCovered } from "./roles.ts";

const PATH = "/api/management/v1/useradm/sign_in";

/** How the people of a tenant sign in. */
export const signInRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      PATH,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { response: { 200: SignInRulesShape } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        return shown(await look(postgres, request, (session) => readSignInRules(session, tenant)));
      },
    );

    app.put(
      PATH,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { body: SignInRulesChange, response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        // It concerns everybody, also those who may do more.
        requireCovered(request, [{ name: "SuperUser" }]);
        await act(postgres, request, (session) => change(session, request, request.body));
        return reply.status(204).send();
      },
    );
  };

async function change(session: Session, request: FastifyRequest, given: z.infer<typeof SignInRulesChange>) {
  const { tenant, session: own } = callingPerson(request);
  // Who removes an administrator meanwhile waits.
  await lockRoles(session, tenant);
  const before = await readSignInRules(session, tenant);
  const after: SignInRules = {
    secondFactor: given.second_factor ?? before.secondFactor,
    passwords: given.passwords ?? before.passwords,
    breakGlass: [...new Set(given.break_glass ?? before.breakGlass)].toSorted(),
  };
  if (canonicalJson(shown(before)) === canonicalJson(shown(after))) return { result: undefined, acts: [] };
  for (const user of given.break_glass ?? [])
    if ((await findUser(session, tenant, user)) === undefined)
      throw new ServerError("NOT_POSSIBLE", { user, reason: "there is no such user" });
  await writeSignInRules(session, tenant, after);
  await requireWayIn(session, tenant);
  const { passwords, breakGlass } = after;
  const ended = passwords === "off" ? await endPasswordSessions(session, tenant, { but: own, breakGlass }) : 0;
  const states = { before: shown(before), after: shown(after) };
  const said = ended === 0 ? "" : `sessions: ${ended} ended`;
  return {
    result: undefined,
    acts: [{ action: "update", object: { type: "sign_in", id: tenant }, change: said, ...states }],
  };
}

const shown = ({ secondFactor, passwords, breakGlass }: SignInRules): SignInRulesShape => ({
  ...{ second_factor: secondFactor, passwords, break_glass: [...breakGlass] },
});
