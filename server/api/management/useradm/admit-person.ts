import type { FastifyRequest } from "fastify";
import { writeAudit } from "../../../adapters/postgres/audit.ts";
import { addIdentity, findIdentity, hasIdentity } from "../../../adapters/postgres/identities.ts";
import type { IdentityProvider } from "../../../adapters/postgres/identity-providers.ts";
import { addUser, type User } from "../../../adapters/postgres/people.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { lockRoles, setsOfRoles } from "../../../adapters/postgres/roles.ts";
import { changeUser, findUser, findUserByEmail } from "../../../adapters/postgres/users.ts";
import { NO_PASSWORD } from "../../../domain/passwords/no-password.ts";
import { type Admission, admit, type Claims } from "../../../domain/sign-in/admit.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { originOf } from "../../guard.ts";

interface Arrival {
  readonly tenant: string;
  readonly provider: IdentityProvider;
  readonly issuer: string;
  readonly claims: Claims;
}

/**
 * Finds, links or makes the user of a person whom a provider has signed in, and gives them the roles of their groups. What
 * changes is recorded.
 *
 * @returns the id of the user
 * @throws {ServerError} SIGN_IN_REFUSED; LAST_ADMINISTRATOR if the roles would take the last administrator away
 */
export async function admitPerson(session: Session, request: FastifyRequest, arrival: Arrival): Promise<string> {
  const { tenant, provider, claims } = arrival;
  const admission = admit(claims, provider.rules);
  if ("reason" in admission) throw refused(arrival, admission.reason);
  await lockRoles(session, tenant);
  await setsOfRoles(session, tenant, admission.roles);
  const user = (await known(session, arrival, admission)) ?? (await made(session, request, arrival, admission));
  if (JSON.stringify(user.roles.toSorted()) !== JSON.stringify(admission.roles)) {
    await changeUser(session, tenant, user.id, { email: undefined, hash: undefined, roles: admission.roles });
    const states = { before: { roles: user.roles }, after: { roles: admission.roles } };
    await record(session, request, arrival, user, { action: "update", change: "roles of the groups", ...states });
  }
  return user.id;

  async function known(session: Session, arrival: Arrival, { subject, email, isEmailVerified }: Admission) {
    const { issuer } = arrival;
    const id = await findIdentity(session, tenant, { issuer, subject });
    const found = id === undefined ? undefined : await findUser(session, tenant, id);
    if (found !== undefined) return found;
    const same = email === undefined ? undefined : await findUserByEmail(session, tenant, email);
    if (same === undefined) return undefined;
    // An address can be given to another person, and a provider can be wrong about it: it is not enough.
    if (!provider.rules.linksByEmail) throw refused(arrival, `${email} belongs to a user who is not linked`);
    if (isEmailVerified !== true) throw refused(arrival, `the provider has not verified ${email}`);
    if (await hasIdentity(session, tenant, same.id, issuer))
      throw refused(arrival, `${email} belongs to a user who is somebody else at the provider`);
    await addIdentity(session, tenant, same.id, { issuer, subject });
    await record(session, request, arrival, same, { action: "update", change: `linked to ${issuer} ${subject}` });
    return same;
  }
}

async function made(
  session: Session,
  request: FastifyRequest,
  arrival: Arrival,
  { subject, email, isEmailVerified, roles }: Admission,
): Promise<User> {
  const { tenant, provider, issuer } = arrival;
  if (!provider.rules.createsUsers) throw refused(arrival, "you have no user here, and an administrator must add you");
  if (email === undefined) throw refused(arrival, "the provider gave no email address");
  if (isEmailVerified === false) throw refused(arrival, `the provider has not verified ${email}`);
  const user = await addUser(session, tenant, email, NO_PASSWORD, roles);
  await addIdentity(session, tenant, user.id, { issuer, subject });
  const change = `linked to ${issuer} ${subject}`;
  await record(session, request, arrival, user, { action: "create", change, after: { email, roles: user.roles } });
  return user;
}

const refused = ({ provider }: Arrival, reason: string): ServerError =>
  new ServerError("SIGN_IN_REFUSED", { provider: provider.name, reason });

interface Change {
  readonly action: "create" | "update";
  readonly change: string;
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
}

function record(session: Session, request: FastifyRequest, arrival: Arrival, user: User, change: Change) {
  const { id, email } = user;
  const { id: provider, name } = arrival.provider;
  return writeAudit(session, arrival.tenant, {
    actor: { type: "identity_provider", id: provider, name, user: id, email },
    ...{ origin: originOf(request), requestId: request.id },
    ...{ object: { type: "user", id, email }, ...change },
  });
}
