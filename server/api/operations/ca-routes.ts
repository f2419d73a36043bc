import { ServerError } from "../../errors/server-error.ts";
import type { Routes } from "../app-types.ts";

/** The certificate of the server's own authority, which boards need before they can trust the server. */
export const caRoutes =
  (caCert: string | undefined): Routes =>
  (app) => {
    app.get("/ca.crt", { config: { auth: "none" }, schema: { hide: true } }, (_request, reply) => {
      if (caCert === undefined) throw new ServerError("NOT_FOUND", { path: "/ca.crt" });
      return reply.type("application/x-pem-file").serializer(String).send(caCert);
    });
  };
