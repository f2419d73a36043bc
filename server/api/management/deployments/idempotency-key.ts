import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { IdempotencyKey } from "../../../adapters/postgres/idempotency.ts";
import { ServerError } from "../../../errors/server-error.ts";

/** The key of a request with what it asks for. Two people may choose the same key. */
export function keyOf(request: FastifyRequest, user: string, wish: object): IdempotencyKey | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,256}$/.test(key))
    throw new ServerError("REQUEST_INVALID", { in: "headers", header: "Idempotency-Key" });
  return { key: `${user} ${key}`, requestHash: createHash("sha256").update(JSON.stringify(wish)).digest() };
}
