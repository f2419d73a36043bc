import type { FastifyRequest } from "fastify";
import { originOf } from "../../links.ts";
import type { Services } from "../../services.ts";

export const OIDC = "/api/management/v1/useradm/oidc";

/** An address of the sign-in by a provider, as browsers reach it. */
export const oidcUrl = (
  services: Pick<Services, "publicUrl">,
  request: FastifyRequest,
  id: string,
  step: "start" | "callback",
): string => `${originOf(services, request)}${OIDC}/${id}/${step}`;
