import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  PresentPassword,
  RecoveryCodes,
  SecondFactorCode,
  SecondFactorSecret,
} from "../../../../src/protocol/api/useradm.ts";
import { beginAttempt, endAttempt } from "../../../adapters/postgres/login-attempts.ts";
import {
  makeSecondFactor,
  removeSecondFactor,
  replaceRecoveryCodes,
  unverifiedSecret,
  verifySecondFactor,
} from "../../../adapters/postgres/second-factors.ts";
import { endSessions } from "../../../adapters/postgres/sessions.ts";
import { qrImage, qrText } from "../../../adapters/second-factor/qr-image.ts";
import { base32, totpUri } from "../../../domain/authentication/totp.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { confirm } from "./change-account.ts";
import { ownerToChange } from "./sessions.ts";

const USERADM = "/api/management/v1/useradm";
const ISSUER = "Switchback";
const OwnPath = z.object({ id: z.union([Id, z.literal("me")]) });
const nothing = { 204: z.undefined() };

/** Codes of an app at the login: one sets them up and removes them for oneself, and who manages users removes them. */
export const secondFactorRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.post(
      `${USERADM}/users/:id/2fa/enable`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { params: OwnPath, response: nothing },
      },
      async (request, reply) => {
        const { tenant, user } = requireOwn(request, request.params.id);
        await act(postgres, request, async (session) => {
          await makeSecondFactor(session, tenant, user);
          return { result: undefined, acts: [recorded(request, "begun to set up")] };
        });
        return reply.status(204).send();
      },
    );

    app.get(
      `${USERADM}/2faqr`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { response: { 200: SecondFactorSecret } },
      },
      async (request, reply) => {
        const { tenant, user, email } = callingPerson(request);
        const secret = await look(postgres, request, (session) => unverifiedSecret(session, tenant, user));
        const uri = totpUri(secret, ISSUER, email);
        void reply.header("cache-control", "no-store");
        return { qr: qrImage(uri).toString("base64"), qr_text: qrText(uri), uri, secret: base32(secret) };
      },
    );

    app.put(
      `${USERADM}/2faverify`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { body: SecondFactorCode, response: { 200: RecoveryCodes } },
      },
      async (request, reply) => {
        const { tenant, user, email, session: own } = callingPerson(request);
        const attempt = { account: email, address: request.ip };
        await beginAttempt(postgres, attempt);
        const codes = await act(postgres, request, async (session) => {
          const result = await verifySecondFactor(session, tenant, user, request.body.token2fa);
          // The others were begun without it.
          await endSessions(session, tenant, user, { kind: "session", but: own });
          return { result, acts: [recorded(request, "enabled")] };
        });
        await endAttempt(postgres, attempt);
        void reply.header("cache-control", "no-store");
        return { recovery_codes: [...codes] };
      },
    );

    app.post(
      `${USERADM}/users/:id/2fa/disable`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { params: OwnPath, body: PresentPassword.nullish(), response: nothing },
      },
      async (request, reply) => {
        const { tenant, user, email } = requireOwn(request, request.params.id);
        await confirm(postgres, request, tenant, { id: user, email }, request.body?.current_password);
        await act(postgres, request, async (session) => {
          const isRemoved = await removeSecondFactor(session, tenant, user);
          return { result: undefined, acts: isRemoved ? [recorded(request, "disabled")] : [] };
        });
        return reply.status(204).send();
      },
    );

    app.post(
      `${USERADM}/users/me/2fa/recovery_codes`,
      {
        config: { auth: "user", permission: "Basic" },
        schema: { body: PresentPassword, response: { 200: RecoveryCodes } },
      },
      async (request, reply) => {
        const { tenant, user, email } = callingPerson(request);
        await confirm(postgres, request, tenant, { id: user, email }, request.body.current_password);
        const codes = await act(postgres, request, async (session) => ({
          result: await replaceRecoveryCodes(session, tenant, user),
          acts: [recorded(request, "new recovery codes")],
        }));
        void reply.header("cache-control", "no-store");
        return { recovery_codes: [...codes] };
      },
    );

    app.post(
      `${USERADM}/users/:id/2fa/reset`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params: z.object({ id: Id }), response: nothing },
      },
      async (request, reply) => {
        const { tenant, user: self } = callingPerson(request);
        const { id } = request.params;
        if (id === self)
          throw new ServerError("NOT_POSSIBLE", { reason: "disable your own second factor with your password" });
        await act(postgres, request, async (session) => {
          const { email } = await ownerToChange(session, request, id);
          const isRemoved = await removeSecondFactor(session, tenant, id);
          const object = { type: "user", id, email };
          const acts = isRemoved ? [{ action: "update", object, change: "second factor: reset" }] : [];
          return { result: undefined, acts };
        });
        return reply.status(204).send();
      },
    );
  };

/** A second factor belongs to its owner: for anybody else, there is no such thing. @throws {ServerError} NOT_FOUND */
function requireOwn(request: FastifyRequest, id: string): ReturnType<typeof callingPerson> {
  const person = callingPerson(request);
  if (id !== "me" && id !== person.user) throw new ServerError("NOT_FOUND", { user: id });
  return person;
}

function recorded(request: FastifyRequest, what: string) {
  const { user: id, email } = callingPerson(request);
  return { action: "update", object: { type: "user", id, email }, change: `second factor: ${what}` };
}
