import { hashPassword } from "../adapters/passwords/passwords.ts";
import { findTenant, listTenants, resetPassword } from "../adapters/postgres/administration.ts";
import { writeAudit } from "../adapters/postgres/audit.ts";
import { addUser, findLogin, listUsers } from "../adapters/postgres/people.ts";
import { lockRoles, setsOfRoles } from "../adapters/postgres/roles.ts";
import { removeSecondFactor } from "../adapters/postgres/second-factors.ts";
import { ADMINISTRATOR } from "../domain/permissions/matrix.ts";
import { ServerError } from "../errors/server-error.ts";
import { makeTenant } from "./first-start.ts";
import type { ServerIo } from "./io.ts";
import { operator } from "./operator.ts";
import { configOf, type Flags, textOf } from "./options.ts";
import { passwordFrom } from "./password.ts";
import { withDatabase } from "./with-database.ts";

/** `tenant add`. @throws {ServerError} CONFLICT, NOT_POSSIBLE, OPTION_INVALID */
export async function tenantAdd(name: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  if (!/^[^\p{Cc}]{1,100}$/u.test(name))
    throw new ServerError("OPTION_INVALID", { name, reason: "1 to 100 characters" });
  const admin = emailOf(textOf(flags, "admin") ?? "");
  const file = textOf(flags, "admin-password-file");
  const made = await withDatabase(config, "tenant add", io, (postgres) => makeTenant(postgres, name, admin, file));
  if (flags["json"] === true) {
    const { id, token, password } = made;
    io.out(
      JSON.stringify({ id, name, tenant_token: token, admin: made.admin, ...(password !== undefined && { password }) }),
    );
    return;
  }
  io.out(`Made the tenant "${name}" with the administrator ${made.admin}.`);
  io.out(`Tenant token: ${made.token}`);
  if (made.password !== undefined) io.out(`Password, shown only now: ${made.password}`);
}

/** `tenant list`. */
export async function tenantList(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const tenants = await withDatabase(config, "tenant list", io, (postgres) => postgres.shared(listTenants));
  if (flags["json"] === true)
    io.out(
      JSON.stringify(
        tenants.map(({ id, name, token, created_at }) => ({
          ...{ id, name, tenant_token: token, created_ts: created_at.toISOString() },
        })),
      ),
    );
  else for (const { id, name } of tenants) io.out(`${id}  ${name}`);
}

/** `user add`. @throws {ServerError} NOT_FOUND, NOT_POSSIBLE, OPTION_INVALID */
export async function userAdd(email: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const address = emailOf(email);
  const given = flags["role"];
  const roles = Array.isArray(given) ? given.map(String) : [ADMINISTRATOR];
  const password = await passwordFrom("--password-file", textOf(flags, "password-file"));
  const hash = await hashPassword(password.text);
  await withDatabase(config, "user add", io, async (postgres) => {
    const tenant = await postgres.shared((session) => findTenant(session, textOf(flags, "tenant")));
    await postgres.inTenant(tenant.id, async (session) => {
      await lockRoles(session, tenant.id);
      // Fails if there is no such role.
      await setsOfRoles(session, tenant.id, roles);
      const { id, ...user } = await addUser(session, tenant.id, address, hash, roles);
      const object = { type: "user", id, email: user.email };
      const after = { email: user.email, roles: user.roles };
      await writeAudit(session, tenant.id, { ...operator(), action: "create", object, after });
    });
  });
  io.out(`Made the user ${address.toLowerCase()}.`);
  if (password.isNew) io.out(`Password, shown only now: ${password.text}`);
}

/** `user list`. @throws {ServerError} NOT_FOUND */
export async function userList(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const users = await withDatabase(config, "user list", io, async (postgres) => {
    const tenant = await postgres.shared((session) => findTenant(session, textOf(flags, "tenant")));
    return postgres.inTenant(tenant.id, (session) => listUsers(session, tenant.id));
  });
  if (flags["json"] === true)
    io.out(
      JSON.stringify(
        users.map(({ id, email, roles, created_at }) => ({ id, email, roles, created_ts: created_at.toISOString() })),
      ),
    );
  else for (const { id, email, roles } of users) io.out(`${id}  ${email}  ${roles.join(", ")}`);
}

/** `user reset-password`. @throws {ServerError} NOT_FOUND, OPTION_INVALID */
export async function userResetPassword(email: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const password = await passwordFrom("--password-file", textOf(flags, "password-file"));
  const hash = await hashPassword(password.text);
  await withDatabase(config, "user reset-password", io, (postgres) => resetPassword(postgres, email, hash, operator()));
  io.out(`The user ${email.toLowerCase()} has a new password, and all sessions have ended.`);
  if (password.isNew) io.out(`Password, shown only now: ${password.text}`);
}

/** `user reset-second-factor`. @throws {ServerError} NOT_FOUND */
export async function userResetSecondFactor(email: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const had = await withDatabase(config, "user reset-second-factor", io, async (postgres) => {
    const login = await findLogin(postgres, email);
    if (login === undefined) throw new ServerError("NOT_FOUND", { user: email.toLowerCase() });
    const { tenant, user } = login;
    return postgres.inTenant(tenant, async (session) => {
      const isRemoved = await removeSecondFactor(session, tenant, user);
      const act = { action: "update", object: { type: "user", id: user, email: email.toLowerCase() } };
      if (isRemoved) await writeAudit(session, tenant, { ...operator(), ...act, change: "second factor: reset" });
      return isRemoved;
    });
  });
  io.out(`The user ${email.toLowerCase()} ${had ? "has no second factor any more" : "had no second factor"}.`);
}

export function emailOf(text: string): string {
  if (/^[^@\s\p{Cc}]{1,100}@[^@\s\p{Cc}]{1,150}$/u.test(text)) return text;
  throw new ServerError("OPTION_INVALID", { value: text, reason: "expected an email address" });
}
