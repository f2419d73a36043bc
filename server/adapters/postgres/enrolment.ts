import { createHash, randomBytes, randomUUID } from "node:crypto";
import { ServerError } from "../../errors/server-error.ts";
import { compileRule, type EnrolmentRule } from "../enrolment/rules.ts";
import { writeAudit } from "./audit.ts";
import { setAuthSetStatus } from "./device-status.ts";
import type { Postgres, Session } from "./postgres.ts";

export interface StoredRule extends EnrolmentRule {
  readonly id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly [column: string]: unknown;
}

export interface StoredToken {
  readonly id: string;
  readonly name: string;
  readonly expires_at: Date;
  readonly uses_max: number | null;
  readonly uses: number;
  readonly revoked_at: Date | null;
  readonly created_at: Date;
  readonly [column: string]: unknown;
}

const RULES_MAX = 100;
const TOKENS_MAX = 1000;
/** How an enrolment token begins, so that no other token is looked for among them. */
const TOKEN_WORD = "enrol-";

export const listRules = (session: Session, tenant: string): Promise<StoredRule[]> =>
  session.raw<StoredRule>(
    "SELECT id, name, identity, networks, created_at FROM enrolment_rules WHERE tenant_id = $1 ORDER BY created_at, id",
    [tenant],
  );

/** @throws {ServerError} NOT_POSSIBLE if there are as many as there may be; CONFLICT if the name is taken */
export async function addRule(
  session: Session,
  tenant: string,
  { name, identity, networks }: EnrolmentRule & { readonly name: string },
): Promise<string> {
  const present = await listRules(session, tenant);
  if (present.length >= RULES_MAX) throw new ServerError("NOT_POSSIBLE", { reason: `more than ${RULES_MAX} rules` });
  const id = randomUUID();
  const made = await session.raw(
    `INSERT INTO enrolment_rules (tenant_id, id, name, identity, networks) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT DO NOTHING RETURNING 1`,
    [tenant, id, name, JSON.stringify(identity), networks],
  );
  if (made.length === 0) throw new ServerError("CONFLICT", { rule: name, reason: "the name is taken" });
  return id;
}

/** @returns the rule that was there */
export async function removeRule(session: Session, tenant: string, id: string): Promise<StoredRule | undefined> {
  const [row] = await session.raw<StoredRule>(
    "DELETE FROM enrolment_rules WHERE tenant_id = $1 AND id = $2 RETURNING id, name, identity, networks, created_at",
    [tenant, id],
  );
  return row;
}

export interface Pending {
  readonly id: string;
  readonly identity: Readonly<Record<string, unknown>>;
  readonly address: string | null;
  readonly [column: string]: unknown;
}

/** Devices after one of them that a rule or a token may accept: they wait with the only key that they have ever had. */
export function listApplicants(
  session: Session,
  tenant: string,
  after: string | undefined,
  limit: number,
): Promise<Pending[]> {
  return session.raw<Pending>(
    `SELECT d.id, d.identity, s.address FROM devices d
      JOIN LATERAL (SELECT min(seen_from) AS address FROM auth_sets
        WHERE tenant_id = d.tenant_id AND device_id = d.id HAVING count(*) = 1) AS s ON true
      WHERE d.tenant_id = $1 AND d.status = 'pending' AND ($2::uuid IS NULL OR d.id > $2)
      ORDER BY d.id LIMIT $3`,
    [tenant, after ?? null, limit],
  );
}

const TOKEN_COLUMNS = "id, name, expires_at, uses_max, uses, revoked_at, created_at";

export const listTokens = (session: Session, tenant: string): Promise<StoredToken[]> =>
  session.raw<StoredToken>(
    `SELECT ${TOKEN_COLUMNS} FROM enrolment_tokens WHERE tenant_id = $1 ORDER BY created_at DESC, id`,
    [tenant],
  );

/**
 * Makes a token that devices send as their tenant token. Its text is in the answer, and nowhere else.
 *
 * @throws {ServerError} NOT_POSSIBLE if there are as many as there may be
 */
export async function addToken(
  session: Session,
  tenant: string,
  {
    name,
    expiresAt,
    usesMax,
  }: { readonly name: string; readonly expiresAt: Date; readonly usesMax: number | undefined },
): Promise<{ readonly id: string; readonly token: string }> {
  const [row] = await session.raw<{ n: number }>("SELECT count(*) AS n FROM enrolment_tokens WHERE tenant_id = $1", [
    tenant,
  ]);
  if ((row?.n ?? 0) >= TOKENS_MAX)
    throw new ServerError("NOT_POSSIBLE", { reason: `more than ${TOKENS_MAX} enrolment tokens` });
  const id = randomUUID();
  const token = TOKEN_WORD + randomBytes(24).toString("base64url");
  await session.raw(
    `INSERT INTO enrolment_tokens (tenant_id, id, name, token_hash, expires_at, uses_max) VALUES ($1, $2, $3, $4, $5, $6)`,
    [tenant, id, name, hashOf(token), expiresAt, usesMax ?? null],
  );
  return { id, token };
}

/** Lets nobody in by a token any more. Devices that came in by it stay, and still send it: that is how their tenant is found. */
export async function revokeToken(session: Session, tenant: string, id: string): Promise<string | undefined> {
  const [row] = await session.raw<{ name: string }>(
    `UPDATE enrolment_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND id = $2 RETURNING name`,
    [tenant, id],
  );
  return row?.name;
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

export const isEnrolmentToken = (token: string): boolean => token.startsWith(TOKEN_WORD);

/** The tenant of an enrolment token, also of one that lets nobody in any more. */
export async function findTokenTenant(postgres: Postgres, token: string): Promise<string | undefined> {
  const [row] = await postgres.shared((session) =>
    session.raw<{ tenant: string }>("SELECT tenant_id AS tenant FROM enrolment_tokens WHERE token_hash = $1", [
      hashOf(token),
    ]),
  );
  return row?.tenant;
}

export interface Application {
  readonly device: string;
  readonly authSet: string;
  readonly address: string;
  /** What the device sends as its tenant token. */
  readonly token: string;
}

/**
 * Accepts a device that waits, if an enrolment token or a rule says so. A device with a second key never: whoever knows
 * an identity must not get in with a key of their own.
 *
 * @returns whether it is accepted
 * @throws {ServerError} NOT_POSSIBLE at the limit of devices
 */
export async function enrol(session: Session, tenant: string, application: Application): Promise<boolean> {
  const { device, authSet, address, token } = application;
  const [row] = await session.raw<{ identity: Readonly<Record<string, unknown>>; keys: number; name: string | null }>(
    `SELECT d.identity, (SELECT count(*) FROM auth_sets s WHERE s.tenant_id = $1 AND s.device_id = d.id) AS keys
      FROM devices d WHERE d.tenant_id = $1 AND d.id = $2 AND d.status = 'pending'`,
    [tenant, device],
  );
  if (row === undefined || row.keys !== 1) return false;
  const by = (await findToken(session, tenant, token)) ?? (await fittingRule(session, tenant, row.identity, address));
  if (by === undefined) return false;
  if (!(await setAuthSetStatus(session, tenant, device, authSet, "accepted"))) return false;
  // Counted only now: a device that goes away in between takes no place.
  if (by.type === "enrolment-token")
    await session.raw("UPDATE enrolment_tokens SET uses = uses + 1 WHERE tenant_id = $1 AND id = $2", [tenant, by.id]);
  const object = { type: "device", id: device, auth_set: authSet };
  const states = { before: { status: "pending" }, after: { status: "accepted" } };
  await writeAudit(session, tenant, { actor: by, origin: { address }, action: "accept", object, ...states });
  return true;
}

type Admitter = { readonly type: "enrolment-token" | "enrolment-rule"; readonly id: string; readonly name: string };

/** The token, if it still lets devices in. Until the end of the transaction, no other device can use it. */
async function findToken(session: Session, tenant: string, token: string): Promise<Admitter | undefined> {
  if (!isEnrolmentToken(token)) return undefined;
  const [row] = await session.raw<{ id: string; name: string }>(
    `SELECT id, name FROM enrolment_tokens
      WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > now() AND revoked_at IS NULL
        AND (uses_max IS NULL OR uses < uses_max) FOR NO KEY UPDATE`,
    [tenant, hashOf(token)],
  );
  return row && { type: "enrolment-token", id: row.id, name: row.name };
}

async function fittingRule(
  session: Session,
  tenant: string,
  identity: Readonly<Record<string, unknown>>,
  address: string,
): Promise<Admitter | undefined> {
  const rule = (await listRules(session, tenant)).find((one) => compileRule(one)({ identity, address }));
  return rule && { type: "enrolment-rule", id: rule.id, name: rule.name };
}
