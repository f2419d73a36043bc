import { z } from "zod";
import { AuthRequest, DeviceError } from "../../../../src/protocol/api/devices.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import type { Services } from "../../services.ts";
import type { DeviceMemories } from "../device-memories.ts";
import { createAdmission } from "./admit.ts";

const BODY_LIMIT_BYTES = 64 * 1024;

declare module "fastify" {
  interface FastifyRequest {
    /** The body as it came, where a signature covers it. */
    rawBody: Buffer;
  }
}

/** Mender's devauth, for devices. */
export const deviceAuthRoutes =
  (services: Services, memories: DeviceMemories): Routes =>
  (app) => {
    const { admit } = createAdmission(services, memories);
    void app.register(async (scope) => {
      scope.decorateRequest("rawBody", null as never);
      scope.removeContentTypeParser("application/json");
      scope.addContentTypeParser(/^/, { parseAs: "buffer" }, (request, raw: Buffer, done) => {
        request.rawBody = raw;
        try {
          done(null, JSON.parse(raw.toString("utf8")));
        } catch {
          done(new ServerError("REQUEST_INVALID", { in: "body", reason: "not JSON" }));
        }
      });
      scope.post(
        "/api/devices/v1/authentication/auth_requests",
        {
          config: { auth: "none" },
          bodyLimit: BODY_LIMIT_BYTES,
          schema: { body: AuthRequest, response: { 200: z.string(), 401: DeviceError } },
        },
        async (request, reply) => {
          const signature = request.headers["x-men-signature"];
          if (typeof signature !== "string" || signature === "")
            throw new ServerError("REQUEST_INVALID", { in: "headers/x-men-signature", reason: "missing" });
          const token = await admit({
            body: request.body as AuthRequest,
            raw: request.rawBody,
            signature,
            address: request.ip,
          });
          return reply.type("application/jwt").serializer(String).send(token);
        },
      );
    });
  };
