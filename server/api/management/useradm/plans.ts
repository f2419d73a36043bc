import { z } from "zod";
import type { Routes } from "../../app-types.ts";

const V1 = "/api/management/v1/useradm";

const Plan = z.object({
  name: z.string(),
  display_name: z.string(),
  features: z.record(z.string(), z.boolean()),
});

/** Consoles ask which plan they are on. There is one, and all is on. */
const PLAN: z.infer<typeof Plan> = {
  name: "enterprise",
  display_name: "Switchback",
  features: {
    rbac: true,
    audit_logs: true,
    dynamic_groups: true,
    terminal: true,
    file_transfer: true,
    monitoring: true,
  },
};

export const planRoutes: Routes = (app) => {
  app.get(
    `${V1}/plans`,
    { config: { auth: "user", permission: "Basic" }, schema: { response: { 200: z.array(Plan) } } },
    () => [PLAN],
  );
  const binding = z.object({ plan: Plan, limits: z.object({ devices: z.int() }) });
  app.get(
    `${V1}/plan_binding`,
    { config: { auth: "user", permission: "Basic" }, schema: { response: { 200: binding } } },
    () => ({
      plan: PLAN,
      limits: { devices: 0 },
    }),
  );
};
