import { hash } from "node:crypto";
import { type VerificationKey, verificationKeyOf, verifySignature } from "../../../src/artifact/signature.ts";
import { AgentError, describeError } from "../../../src/errors/agent-error.ts";
import type { ArtifactSignature } from "../../domain/releases/artifact-facts.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

export interface SigningKey {
  readonly name: string;
  readonly algorithm: string;
  readonly pem: string;
  readonly fingerprint: string;
  readonly created_at: Date;
}

const KEYS_MAX = 20;
/** Signatures that are looked at in one statement: each manifest is in memory. */
const BATCH = 200;

export function listKeys(session: Session, tenant: string): Promise<SigningKey[]> {
  return session.raw<SigningKey & Record<string, unknown>>(
    "SELECT name, algorithm, pem, fingerprint, created_at FROM signing_keys WHERE tenant_id = $1 ORDER BY name",
    [tenant],
  );
}

/**
 * Adds a public key, and finds the artifacts that it has signed.
 *
 * @returns how many these are
 * @throws {ServerError} REQUEST_INVALID for what is no public key or a weak one; CONFLICT if the name or the key is there;
 * NOT_POSSIBLE if there are too many
 */
export async function addKey(session: Session, tenant: string, name: string, pem: string): Promise<number> {
  const key = readKey(name, pem);
  await lockKeys(session, tenant);
  const keys = await listKeys(session, tenant);
  if (keys.length >= KEYS_MAX) throw new ServerError("NOT_POSSIBLE", { reason: `more than ${KEYS_MAX} signing keys` });
  const fingerprint = hash("sha256", key.key.export({ type: "spki", format: "der" }), "hex");
  const same = keys.find((one) => one.name === name || one.fingerprint === fingerprint);
  if (same !== undefined) throw new ServerError("CONFLICT", { key: same.name, reason: "the name or the key is there" });
  await session.raw(
    "INSERT INTO signing_keys (tenant_id, name, algorithm, pem, fingerprint) VALUES ($1, $2, $3, $4, $5)",
    [tenant, name, key.algorithm, key.key.export({ type: "spki", format: "pem" }), fingerprint],
  );
  return findSigned(session, tenant, key);
}

/** @throws {ServerError} NOT_FOUND; CONFLICT while the policy of a channel names it */
export async function removeKey(session: Session, tenant: string, name: string): Promise<void> {
  await lockKeys(session, tenant);
  const [channel] = await session.raw<{ name: string }>(
    "SELECT name FROM channels WHERE tenant_id = $1 AND $2 = ANY (keys) LIMIT 1",
    [tenant, name],
  );
  if (channel !== undefined)
    throw new ServerError("CONFLICT", { key: name, channel: channel.name, reason: "a channel names the key" });
  const gone = await session.raw("DELETE FROM signing_keys WHERE tenant_id = $1 AND name = $2 RETURNING 1", [
    ...[tenant, name],
  ]);
  if (gone.length === 0) throw new ServerError("NOT_FOUND", { key: name });
  await session.raw("UPDATE artifacts SET signed_by = NULL WHERE tenant_id = $1 AND signed_by = $2", [tenant, name]);
}

/** Uploads and keys wait for each other: an artifact must not miss the key that comes at the same time. */
async function lockKeys(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 6))", [tenant]);
}

/** The name of the key that verifies the signature of an artifact that is about to be added. */
export async function keyThatSigned(
  session: Session,
  tenant: string,
  signed: ArtifactSignature | undefined,
): Promise<string | null> {
  if (signed === undefined) return null;
  await session.raw("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 6))", [tenant]);
  const keys = (await listKeys(session, tenant)).map(({ name, pem }) => readKey(name, pem));
  return verifySignature(signed.manifest, signed.signature, keys).key ?? null;
}

export async function keepSignature(
  session: Session,
  tenant: string,
  artifact: string,
  { manifest, signature }: ArtifactSignature,
): Promise<void> {
  await session.raw(
    "INSERT INTO artifact_signatures (tenant_id, artifact_id, manifest, signature) VALUES ($1, $2, $3, $4)",
    [tenant, artifact, Buffer.from(manifest), Buffer.from(signature)],
  );
}

async function findSigned(session: Session, tenant: string, key: VerificationKey): Promise<number> {
  let found = 0;
  let after = "00000000-0000-0000-0000-000000000000";
  for (;;) {
    const rows = await session.raw<{ id: string; manifest: Buffer; signature: Buffer }>(
      `SELECT s.artifact_id AS id, s.manifest, s.signature
        FROM artifact_signatures s JOIN artifacts a ON a.tenant_id = s.tenant_id AND a.id = s.artifact_id
        WHERE s.tenant_id = $1 AND s.artifact_id > $2 AND a.signed_by IS NULL ORDER BY s.artifact_id LIMIT ${BATCH}`,
      [tenant, after],
    );
    const signed = rows.filter(({ manifest, signature }) => verifySignature(manifest, signature, [key]).valid === true);
    await session.raw("UPDATE artifacts SET signed_by = $3 WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", [
      ...[tenant, signed.map(({ id }) => id), key.label],
    ]);
    found += signed.length;
    after = rows.at(-1)?.id ?? after;
    if (rows.length < BATCH) return found;
  }
}

/** @throws {ServerError} REQUEST_INVALID */
function readKey(name: string, pem: string): VerificationKey {
  try {
    return verificationKeyOf(name, pem);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new ServerError("REQUEST_INVALID", { in: "pem", reason: describeError(error) }, { cause: error });
  }
}
