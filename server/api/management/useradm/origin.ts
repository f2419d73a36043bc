import type { FastifyRequest } from "fastify";
import type { Origin } from "../../../adapters/postgres/sessions.ts";
import { isStorable } from "../../../domain/authentication/storable-text.ts";

const AGENT_MAX = 256;

/** From where a session or a token is made. What a program says of itself is for people to look at, and is not believed. */
export function sessionOriginOf({ ip, headers }: FastifyRequest): Origin {
  const agent = headers["user-agent"];
  return { address: ip, userAgent: agent !== undefined && isStorable(agent) ? agent.slice(0, AGENT_MAX) : undefined };
}
