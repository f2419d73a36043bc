import type { FastifyRequest, HookHandlerDoneFunction } from "fastify";
import { isStorable } from "../domain/authentication/storable-text.ts";
import { ServerError } from "../errors/server-error.ts";

/** Nested deeper than this is no request of a person, and would exhaust the stack of whatever walks it. */
const DEPTH_MAX = 32;

/**
 * Refuses, of people, texts that PostgreSQL cannot keep, and values that are nested too deep, in all that a request says.
 *
 * @throws {ServerError} REQUEST_INVALID
 */
export function refuseUnstorable(request: FastifyRequest, _reply: unknown, done: HookHandlerDoneFunction): void {
  // What devices send is checked by the schemas of their routes.
  if (request.routeOptions.config.auth !== "device") refuse(request);
  done();
}

function refuse({ params, query, body }: FastifyRequest): void {
  // The router and the parser of queries make objects of their own kinds.
  let level: unknown[] = [Object.entries(params ?? {}), Object.entries(query ?? {}), body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) throw new ServerError("REQUEST_INVALID", { reason: "it is nested too deep" });
    level = level.flatMap(childrenOf);
  }
}

function childrenOf(value: unknown): unknown[] {
  if (typeof value === "string" && !isStorable(value))
    throw new ServerError("REQUEST_INVALID", { reason: "a text has a NUL or half a character" });
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value;
  // A stream or a buffer is not what JSON made.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? [...Object.keys(value), ...Object.values(value)] : [];
}
