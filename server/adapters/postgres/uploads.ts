import { type Session, sql } from "./postgres.ts";

export interface Upload {
  readonly id: string;
  readonly key: string;
  /** `stream` ends with its request, `direct` waits for the client, and the object of `delete` is to be removed. */
  readonly kind: "stream" | "direct" | "delete";
  readonly expiresAt: Date;
}

/** Remembers an object that no artifact names, until `endUpload`, or until it expires and the object is removed. */
export async function beginUpload(session: Session, tenant: string, upload: Upload): Promise<void> {
  const { id, key, kind, expiresAt } = upload;
  await session.run(
    sql.insertInto("uploads").values({ tenant_id: tenant, id, object_key: key, kind, expires_at: expiresAt }),
  );
}

/** Forgets an upload: an artifact names the object now, or the object is gone. @returns false if it had expired */
export async function endUpload(session: Session, tenant: string, id: string): Promise<boolean> {
  return (await session.run(sql.deleteFrom("uploads").where("tenant_id", "=", tenant).where("id", "=", id))) > 0;
}

/** The object of a direct upload that has not expired. Locks its row. */
export function findDirectUpload(
  session: Session,
  tenant: string,
  id: string,
): Promise<{ readonly object_key: string } | undefined> {
  return session.first(
    sql
      .selectFrom("uploads")
      .select("object_key")
      .where("tenant_id", "=", tenant)
      .where("id", "=", id)
      .where("kind", "=", "direct")
      .where("expires_at", ">", new Date())
      .forUpdate(),
  );
}

/** Forgets an upload that has expired, and tells its object. Until the transaction ends, nobody else can use it. */
export function takeExpiredUpload(
  session: Session,
  tenant: string,
): Promise<{ readonly object_key: string } | undefined> {
  const oldest = sql
    .selectFrom("uploads")
    .select("id")
    .where("tenant_id", "=", tenant)
    .where("expires_at", "<=", new Date())
    .orderBy("expires_at")
    .limit(1)
    .forUpdate()
    .skipLocked();
  return session.first(
    sql.deleteFrom("uploads").where("tenant_id", "=", tenant).where("id", "in", oldest).returning("object_key"),
  );
}
