import { ServerError } from "../../errors/server-error.ts";
import { type Session, sql } from "./postgres.ts";

export interface IdempotencyKey {
  /** Of the client, with whose it is. */
  readonly key: string;
  /** Tells whether it comes with the same request. */
  readonly requestHash: Buffer;
}

/**
 * Where the answer of an earlier request with this key pointed to, if there was one.
 *
 * @throws {ServerError} NOT_POSSIBLE if the key came with another request
 */
export async function earlierAnswer(
  session: Session,
  tenant: string,
  { key, requestHash }: IdempotencyKey,
): Promise<string | undefined> {
  const row = await session.first(
    sql
      .selectFrom("idempotency")
      .select(["request_hash", "location"])
      .where("tenant_id", "=", tenant)
      .where("key", "=", key),
  );
  if (row !== undefined && !row.request_hash.equals(requestHash))
    throw new ServerError("NOT_POSSIBLE", { reason: "the Idempotency-Key was used for another request" });
  return row?.location ?? undefined;
}

export async function keepAnswer(
  session: Session,
  tenant: string,
  { key, requestHash }: IdempotencyKey,
  location: string,
): Promise<void> {
  await session.run(
    sql
      .insertInto("idempotency")
      .values({ tenant_id: tenant, key, request_hash: requestHash, status: 201, location, body: "" }),
  );
}
