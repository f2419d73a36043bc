import { z } from "zod";
import { KeyName, NewSigningKey, SigningKey } from "../../../../src/protocol/api/channels.ts";
import { addKey, listKeys, removeKey } from "../../../adapters/postgres/signing-keys.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const KEYS = "/api/management/v1/deployments/signing-keys";

/** Public keys that sign Artifacts. */
export const signingKeyRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      KEYS,
      { config: { auth: "user", permission: "ReadReleases" }, schema: { response: { 200: z.array(SigningKey) } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const keys = await look(postgres, request, (session) => listKeys(session, tenant));
        return keys.map(({ created_at, ...key }) => ({ ...key, created: created_at.toISOString() }));
      },
    );

    app.post(
      KEYS,
      {
        config: { auth: "user", permission: "ManageChannels" },
        schema: { body: NewSigningKey, response: { 201: z.object({ artifacts: z.int() }) } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name, pem } = request.body;
        const artifacts = await act(postgres, request, async (session) => {
          const result = await addKey(session, tenant, name, pem);
          const change = `signed ${result} of the Artifacts that are there`;
          return {
            result,
            acts: [{ action: "create", object: { type: "signing-key", id: name }, change, after: { pem } }],
          };
        });
        return reply.status(201).header("location", `${KEYS}/${name}`).send({ artifacts });
      },
    );

    app.delete(
      `${KEYS}/:name`,
      {
        config: { auth: "user", permission: "ManageChannels" },
        schema: { params: z.object({ name: KeyName }), response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name } = request.params;
        await act(postgres, request, async (session) => {
          await removeKey(session, tenant, name);
          return { result: undefined, acts: [{ action: "delete", object: { type: "signing-key", id: name } }] };
        });
        return reply.status(204).send();
      },
    );
  };
