import { z } from "zod";
import { Settings } from "../../../../src/protocol/api/useradm.ts";
import { EVERYBODY, readSettings, writeSettings } from "../../../adapters/postgres/settings.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { revisionIn, showRevision } from "../../etag.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/management/v1/useradm/settings";

/** What consoles keep, for all people of a tenant and for each of them. */
export const settingsRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    for (const [path, permission, isOwn] of [
      [PATH, "ManageUsers", false],
      [`${PATH}/me`, "Basic", true],
    ] as const) {
      app.get(
        path,
        { config: { auth: "user", permission: "Basic" }, schema: { response: { 200: Settings } } },
        async (request, reply) => {
          const { tenant, user } = callingPerson(request);
          const { value, rev } = await look(postgres, request, (session) =>
            readSettings(session, tenant, isOwn ? user : EVERYBODY),
          );
          showRevision(reply, rev);
          return value;
        },
      );

      app.post(
        path,
        { config: { auth: "user", permission }, schema: { body: Settings, response: { 201: z.undefined() } } },
        async (request, reply) => {
          const { tenant, user } = callingPerson(request);
          const whose = isOwn ? user : EVERYBODY;
          const rev = await act(postgres, request, async (session) => {
            const { value: before } = await readSettings(session, tenant, whose);
            const result = await writeSettings(session, tenant, whose, request.body, revisionIn(request));
            const object = { type: "settings", id: tenant };
            // What one sets for oneself is not worth a record.
            const acts = isOwn ? [] : [{ action: "update", object, before, after: request.body }];
            return { result, acts };
          });
          return showRevision(reply, rev).status(201).send();
        },
      );
    }
  };
