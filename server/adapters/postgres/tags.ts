import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

export interface Tag {
  readonly name: string;
  readonly value: string;
  readonly description?: string | undefined;
}

const TAGS_MAX = 20;

/**
 * Sets the tags of a device, or with `merge` adds to them.
 *
 * @param revision what the caller has read, if it matters
 * @returns the new revision, and the names of the tags before and after. `undefined`: there is no such device
 * @throws {ServerError} PRECONDITION_FAILED, NOT_POSSIBLE
 */
export async function writeTags(
  session: Session,
  tenant: string,
  device: string,
  tags: readonly Tag[],
  { merge, revision }: { readonly merge: boolean; readonly revision: string | undefined },
): Promise<{ readonly revision: number; readonly before: string[]; readonly after: string[] } | undefined> {
  const [row] = await session.raw<{ tags: Record<string, unknown>; tags_rev: number }>(
    `SELECT i.tags, i.tags_rev FROM inventory i JOIN devices d ON d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.device_id = $2 FOR NO KEY UPDATE OF i`,
    [tenant, device],
  );
  if (row === undefined) return undefined;
  if (revision !== undefined && revision !== String(row.tags_rev))
    throw new ServerError("PRECONDITION_FAILED", { device });
  const given = new Map<string, unknown>(merge ? Object.entries(row.tags) : []);
  for (const { name, value, description } of tags)
    given.set(name, { value, ...(description !== undefined && { description }) });
  if (given.size > TAGS_MAX) throw new ServerError("NOT_POSSIBLE", { reason: `a device has at most ${TAGS_MAX} tags` });
  await session.raw(
    `UPDATE inventory SET tags = $3, tags_rev = $4, updated_at = now() WHERE tenant_id = $1 AND device_id = $2`,
    [tenant, device, JSON.stringify(Object.fromEntries(given)), row.tags_rev + 1],
  );
  const [before, after] = [Object.keys(row.tags).toSorted(), [...given.keys()].toSorted()];
  return { revision: row.tags_rev + 1, before, after };
}
