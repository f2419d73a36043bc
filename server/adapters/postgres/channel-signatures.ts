import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

/** An artifact, and the name of the key that signed it. */
export interface Signed {
  readonly id: string;
  readonly signed_by: string | null;
}

/** The channel, and which keys it accepts: see the table channels. */
interface Policy {
  readonly name: string;
  readonly keys: readonly string[] | null;
}

/** @throws {ServerError} SIGNATURE_REFUSED if a channel does not accept the key that signed an artifact */
export function requireAccepted({ name, keys }: Policy, { id, signed_by: by }: Signed): void {
  if (keys === null || (by !== null && (keys.length === 0 || keys.includes(by)))) return;
  throw new ServerError("SIGNATURE_REFUSED", { channel: name, artifact: id, signed_by: by ?? "no known key" });
}

/**
 * Asks before an artifact joins a release whether the channels that have the release accept its signature. The caller has
 * locked the release.
 *
 * @throws {ServerError} SIGNATURE_REFUSED
 */
export async function requireAcceptedInChannels(
  session: Session,
  tenant: string,
  release: string,
  artifact: Signed,
): Promise<void> {
  const channels = await session.raw<{ name: string; keys: string[] | null }>(
    "SELECT name, keys FROM channels WHERE tenant_id = $1 AND release = $2",
    [tenant, release],
  );
  for (const channel of channels) requireAccepted(channel, artifact);
}
