import { hashPassword } from "../adapters/passwords/passwords.ts";
import { listTenants } from "../adapters/postgres/administration.ts";
import { writeAudit } from "../adapters/postgres/audit.ts";
import { addTenant, addUser } from "../adapters/postgres/people.ts";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import { operator } from "./operator.ts";
import { passwordFrom } from "./password.ts";

/** Any number: processes that start at the same time make one tenant. */
const LOCK = 7_340_522;

export interface NewTenant {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly admin: string;
  /** Only if it was made here: the one time that anybody sees it. */
  readonly password: string | undefined;
}

/** Makes a tenant with its administrator, or neither. @throws {ServerError} CONFLICT, NOT_POSSIBLE, OPTION_INVALID */
export async function makeTenant(
  postgres: Postgres,
  name: string,
  admin: string,
  passwordFile: string | undefined,
): Promise<NewTenant> {
  const made = await prepare(passwordFile);
  return postgres.shared((session) => insert(session, name, admin, made));
}

/** The first tenant, if there is none yet. @throws {ServerError} NOT_POSSIBLE, OPTION_INVALID */
export async function makeFirstTenant(
  postgres: Postgres,
  admin: string,
  passwordFile: string | undefined,
): Promise<NewTenant | undefined> {
  if ((await postgres.shared(listTenants)).length > 0) return undefined;
  const made = await prepare(passwordFile);
  return postgres.shared(async (session) => {
    await session.raw(`SELECT pg_advisory_xact_lock(${LOCK})`);
    return (await listTenants(session)).length > 0 ? undefined : insert(session, "default", admin, made);
  });
}

interface Prepared {
  readonly hash: string;
  readonly shown: string | undefined;
}

async function prepare(passwordFile: string | undefined): Promise<Prepared> {
  const { text, isNew } = await passwordFrom("--admin-password-file", passwordFile);
  return { hash: await hashPassword(text), shown: isNew ? text : undefined };
}

async function insert(session: Session, name: string, admin: string, { hash, shown }: Prepared): Promise<NewTenant> {
  const { id, token } = await addTenant(session, name);
  await session.raw("SELECT set_config('app.tenant', $1, true)", [id]);
  const { id: user, email, roles } = await addUser(session, id, admin, hash);
  const object = { type: "user", id: user, email };
  await writeAudit(session, id, { ...operator(), action: "create", object, after: { email, roles } });
  return { id, name, token, admin: email, password: shown };
}
