import { z } from "zod";
import type { Routes } from "../app-types.ts";
import type { Services } from "../services.ts";

/** For those who run the server: whether it lives, and whether it can answer. */
export const operationsRoutes =
  ({ postgres, objects }: Services): Routes =>
  (app) => {
    const answer = { 200: z.object({ status: z.literal("ok") }) };
    app.get("/healthz", { config: { auth: "none" }, schema: { response: answer } }, () => ({ status: "ok" }) as const);
    app.get("/readyz", { config: { auth: "none" }, schema: { response: answer } }, async () => {
      await postgres.shared((session) => session.raw("SELECT 1"));
      await objects.check();
      return { status: "ok" } as const;
    });
  };
