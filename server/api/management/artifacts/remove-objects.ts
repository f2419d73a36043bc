import { endUpload } from "../../../adapters/postgres/uploads.ts";
import type { Services } from "../../services.ts";

/** Removes the objects of artifacts that are gone. What fails here is swept later: the deletion itself is done. */
export async function removeObjects(
  { postgres, objects, log }: Services,
  tenant: string,
  removed: readonly { readonly id: string; readonly object_key: string }[],
): Promise<void> {
  for (const { id, object_key: key } of removed)
    try {
      await objects.delete(key);
      await postgres.inTenant(tenant, (session) => endUpload(session, tenant, id));
    } catch (error) {
      log.warn({ err: error, key }, "An object is removed later.");
    }
}
