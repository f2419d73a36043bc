import { z } from "zod";
import { SignInRules } from "../../../../src/protocol/api/useradm.ts";
import { readSignInRules, writeSignInRules } from "../../../adapters/postgres/second-factors.ts";
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
      { config: { auth: "user", permission: "ReadUsers" }, schema: { response: { 200: SignInRules } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { secondFactor } = await look(postgres, request, (session) => readSignInRules(session, tenant));
        return { second_factor: secondFactor };
      },
    );

    app.put(
      PATH,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { body: SignInRules, response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        // It concerns everybody, also those who may do more.
        requireCovered(request, [{ name: "SuperUser" }]);
        const { second_factor: secondFactor } = request.body;
        await act(postgres, request, async (session) => {
          const before = await readSignInRules(session, tenant);
          if (before.secondFactor === secondFactor) return { result: undefined, acts: [] };
          await writeSignInRules(session, tenant, { secondFactor });
          const act = { action: "update", object: { type: "sign_in", id: tenant } };
          return { result: undefined, acts: [{ ...act, before: { ...before }, after: { secondFactor } }] };
        });
        return reply.status(204).send();
      },
    );
  };
