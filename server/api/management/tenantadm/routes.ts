import { z } from "zod";
import { Id, Timestamp } from "../../../../src/protocol/api/common.ts";
import { findTenant } from "../../../adapters/postgres/people.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const Tenant = z.object({
  id: Id,
  name: z.string(),
  tenant_token: z.string(),
  status: z.literal("active"),
  plan: z.literal("enterprise"),
  created_at: Timestamp,
});

/** One's own tenant. Set-up tools read the token here that devices send. */
export const tenantadmRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      "/api/management/v1/tenantadm/user/tenant",
      { config: { auth: "user", permission: "ReadDevices" }, schema: { response: { 200: Tenant } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const row = await look(postgres, request, (session) => findTenant(session, tenant));
        if (row === undefined) throw new ServerError("NOT_FOUND");
        const { id, name, token, created_at } = row;
        const plan = { status: "active", plan: "enterprise" } as const;
        return { id, name, tenant_token: token, ...plan, created_at: created_at.toISOString() };
      },
    );
  };
