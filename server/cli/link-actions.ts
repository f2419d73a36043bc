import { findTenant } from "../adapters/postgres/administration.ts";
import { writeAudit } from "../adapters/postgres/audit.ts";
import { addPasswordLink, type NewPasswordLink } from "../adapters/postgres/password-links.ts";
import { addUser, findLogin } from "../adapters/postgres/people.ts";
import { lockRoles, setsOfRoles } from "../adapters/postgres/roles.ts";
import type { Config } from "../config/config.ts";
import { passwordLink } from "../domain/authentication/password-links.ts";
import { NO_PASSWORD } from "../domain/passwords/no-password.ts";
import { ADMINISTRATOR } from "../domain/permissions/matrix.ts";
import { ServerError } from "../errors/server-error.ts";
import type { ServerIo } from "./io.ts";
import { operator } from "./operator.ts";
import { configOf, type Flags, textOf } from "./options.ts";
import { emailOf } from "./people-actions.ts";
import { withDatabase } from "./with-database.ts";

/** `user invite`. @throws {ServerError} NOT_FOUND, NOT_POSSIBLE, OPTION_INVALID */
export async function userInvite(email: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const address = emailOf(email);
  const given = flags["role"];
  const roles = Array.isArray(given) ? given.map(String) : [ADMINISTRATOR];
  const link = await withDatabase(config, "user invite", io, async (postgres) => {
    const tenant = await postgres.shared((session) => findTenant(session, textOf(flags, "tenant")));
    return postgres.inTenant(tenant.id, async (session) => {
      await lockRoles(session, tenant.id);
      // Fails if there is no such role.
      await setsOfRoles(session, tenant.id, roles);
      const user = await addUser(session, tenant.id, address, NO_PASSWORD, roles);
      const made = await addPasswordLink(session, tenant.id, user.id, "invitation");
      const object = { type: "user", id: user.id, email: user.email };
      const after = { email: user.email, roles: user.roles };
      const change = "A link to set a password was shown.";
      await writeAudit(session, tenant.id, { ...operator(), action: "create", object, after, change });
      return made;
    });
  });
  io.out(`Made the user ${address.toLowerCase()}.`);
  printLink(link, config, io);
}

/** `user reset-password --link`. @throws {ServerError} NOT_FOUND */
export async function userResetLink(email: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const link = await withDatabase(config, "user reset-password", io, async (postgres) => {
    const login = await findLogin(postgres, email);
    if (login === undefined) throw new ServerError("NOT_FOUND", { user: email.toLowerCase() });
    const { tenant, user, passwordHash } = login;
    return postgres.inTenant(tenant, async (session) => {
      const purpose = passwordHash === NO_PASSWORD ? "invitation" : "reset";
      const made = await addPasswordLink(session, tenant, user, purpose);
      const object = { type: "user", id: user, email: email.toLowerCase() };
      const change = "A link to set a password was shown.";
      await writeAudit(session, tenant, { ...operator(), action: "update", object, change });
      return made;
    });
  });
  printLink(link, config, io);
}

function printLink({ token, expiresAt }: NewPasswordLink, { url }: Config, io: ServerIo): void {
  io.out(`Link, which works once, until ${expiresAt.toISOString()}: ${passwordLink(url, token)}`);
  if (url === undefined) io.err("Put the address of the server in front of it, or give the address with --url.");
}
