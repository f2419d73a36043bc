import type { FastifyRequest } from "fastify";
import { isPassword } from "../../../adapters/passwords/passwords.ts";
import { beginAttempt, beginCode, endAttempt } from "../../../adapters/postgres/login-attempts.ts";
import { type LoginRecord, noteFailedLogin, recordLogin } from "../../../adapters/postgres/login-records.ts";
import { findLogin, type Login } from "../../../adapters/postgres/people.ts";
import type { Postgres } from "../../../adapters/postgres/postgres.ts";
import { useSecondFactor } from "../../../adapters/postgres/second-factors.ts";
import { addSession } from "../../../adapters/postgres/sessions.ts";
import type { LoginFailure } from "../../../domain/audit/logins.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { originOf } from "../../guard.ts";
import { sessionOriginOf } from "./origin.ts";

interface Credentials {
  readonly email: string;
  readonly password: string;
  /** Of the second factor, or empty. */
  readonly code: string;
  /** How long the session lasts. `undefined`: until it is ended. */
  readonly lifetimeS: number | undefined;
  /** After how long without a use it ends. `undefined`: it does not. */
  readonly idleS?: number;
}

/**
 * Begins a session of a person who knows the password, and the second factor if there is one. Wrong tries are slowed down,
 * by account and by address.
 *
 * @returns what the session's token says
 * @throws {ServerError} LOGIN_FAILED, PASSWORDS_OFF, SECOND_FACTOR_MISSING, SECOND_FACTOR_WRONG, TOO_MANY_REQUESTS
 */
export async function logIn(
  postgres: Postgres,
  request: FastifyRequest,
  { email, password, code, lifetimeS, idleS }: Credentials,
): Promise<{ readonly jti: string; readonly sub: string; readonly tenant: string }> {
  const attempt = { account: email, address: request.ip };
  await beginAttempt(postgres, attempt);
  const login = await findLogin(postgres, email);
  const matches = await isPassword(password, login?.passwordHash);
  if (login === undefined || !matches) {
    if (login !== undefined) noteFailure(postgres, request, login, "password");
    throw new ServerError("LOGIN_FAILED");
  }
  // Only who knows the password learns it.
  if (!login.mayUsePassword) throw new ServerError("PASSWORDS_OFF");
  const { tenant, user, hasSecondFactor } = login;
  if (hasSecondFactor) {
    if (code === "") throw new ServerError("SECOND_FACTOR_MISSING");
    await beginCode(postgres, attempt);
  }
  const expiresAt = lifetimeS === undefined ? null : new Date(Date.now() + lifetimeS * 1000);
  const jti = await postgres.inTenant(tenant, async (session) => {
    const proof = hasSecondFactor ? await useSecondFactor(session, tenant, user, code) : ({ by: "password" } as const);
    if (proof === undefined) return undefined;
    const id = await addSession(session, tenant, user, expiresAt, sessionOriginOf(request), idleS);
    await recordLogin(session, tenant, recordOf(request, login), id, proof);
    return id;
  });
  if (jti === undefined) {
    noteFailure(postgres, request, login, "second-factor");
    throw new ServerError("SECOND_FACTOR_WRONG");
  }
  await endAttempt(postgres, attempt);
  return { jti, sub: user, tenant };
}

/** Nobody waits for it: the time until the answer must not tell that there is such an account. */
function noteFailure(postgres: Postgres, request: FastifyRequest, login: Login, why: LoginFailure): void {
  postgres
    .inTenant(login.tenant, (session) => noteFailedLogin(session, login.tenant, recordOf(request, login), why))
    .catch((error: unknown) =>
      request.log.warn({ err: error, user: login.user }, "A failed login could not be counted."),
    );
}

const recordOf = (request: FastifyRequest, { user, email }: Login): LoginRecord => ({
  ...{ user, email, origin: originOf(request), requestId: request.id },
});
