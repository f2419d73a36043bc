import type { FastifyRequest } from "fastify";
import type { UserChange } from "../../../../src/protocol/api/useradm.ts";
import { hashPassword, isPassword } from "../../../adapters/passwords/passwords.ts";
import { beginAttempt, endAttempt } from "../../../adapters/postgres/login-attempts.ts";
import type { Postgres } from "../../../adapters/postgres/postgres.ts";
import { lockRoles, setsOfRoles } from "../../../adapters/postgres/roles.ts";
import { endSessions } from "../../../adapters/postgres/sessions.ts";
import { changeUser, findPasswordHash, findUser } from "../../../adapters/postgres/users.ts";
import { weaknessOf } from "../../../domain/passwords/weakness.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { requireCovered } from "./roles.ts";

/** @throws {ServerError} NOT_POSSIBLE if the password is easy to guess */
export function refuseWeak(password: string, email: string): void {
  const reason = weaknessOf(password, email);
  if (reason !== undefined) throw new ServerError("NOT_POSSIBLE", { reason });
}

/**
 * Changes the email address, the password or the roles of a user. One's own account asks for the present password, because a
 * session that was left open must not be enough to take the account. A new password ends all other sessions and tokens.
 */
export async function changeAccount(
  postgres: Postgres,
  request: FastifyRequest,
  id: string,
  { email, password, current_password, roles: given }: UserChange,
): Promise<void> {
  const { tenant, user: self, session: own } = callingPerson(request);
  const isOwn = id === self;
  const user = await look(postgres, request, (session) => findUser(session, tenant, id));
  if (user === undefined) throw new ServerError("NOT_FOUND", { user: id });
  const roles = given === undefined || sameNames(given, user.roles) ? undefined : [...new Set(given)];
  if (email === undefined && password === undefined && roles === undefined) return;
  if (isOwn && roles !== undefined) throw new ServerError("OWN_ROLES");
  if (isOwn) await confirm(postgres, request, tenant, user, current_password);
  if (password !== undefined) refuseWeak(password, email ?? user.email);
  const hash = password === undefined ? undefined : await hashPassword(password);
  await act(postgres, request, async (session) => {
    if (!isOwn) {
      await lockRoles(session, tenant);
      // Read again under the lock: meanwhile they may have got more.
      const { roles: present = [] } = (await findUser(session, tenant, id)) ?? {};
      requireCovered(request, await setsOfRoles(session, tenant, present));
      requireCovered(request, await setsOfRoles(session, tenant, roles ?? []));
    }
    if (!(await changeUser(session, tenant, id, { email, hash, roles })))
      throw new ServerError("NOT_FOUND", { user: id });
    // Who knew the old password has made some of them.
    if (hash !== undefined) await endSessions(session, tenant, id, { but: isOwn ? own : undefined });
    const before = { email: user.email, roles: user.roles };
    const after = { email: email?.toLowerCase() ?? user.email, roles: roles ?? user.roles };
    const object = { type: "user", id, email: after.email };
    const change = hash === undefined ? "" : "The password was changed.";
    return { result: undefined, acts: [{ action: "update", object, change, before, after }] };
  });
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify([...new Set(a)].toSorted()) === JSON.stringify([...new Set(b)].toSorted());

/**
 * Asks for the present password of an account. Whoever guesses here is slowed down as at the login.
 *
 * @throws {ServerError} NOT_POSSIBLE, TOO_MANY_REQUESTS
 */
export async function confirm(
  postgres: Postgres,
  request: FastifyRequest,
  tenant: string,
  user: { readonly id: string; readonly email: string },
  password: string | undefined,
): Promise<void> {
  if (password === undefined) throw new ServerError("NOT_POSSIBLE", { reason: "current_password is missing" });
  const attempt = { account: user.email, address: request.ip };
  await beginAttempt(postgres, attempt);
  const stored = await look(postgres, request, (session) => findPasswordHash(session, tenant, user.id));
  if (!(await isPassword(password, stored)))
    throw new ServerError("NOT_POSSIBLE", { reason: "current_password is wrong" });
  await endAttempt(postgres, attempt);
}
