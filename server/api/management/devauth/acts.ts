import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { NewAuthSetStatus, PreauthorizedDevice } from "../../../../src/protocol/api/devauth.ts";
import { readPublicKey } from "../../../adapters/device-keys/public-key.ts";
import {
  addAuthSet,
  addDevice,
  decommissionDevice,
  removeAuthSet,
  setAuthSetStatus,
} from "../../../adapters/postgres/device-status.ts";
import { findByIdentity, findDevice, revokeTokens } from "../../../adapters/postgres/devices.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { isInSight, requireAllDevices } from "../../../adapters/postgres/sight.ts";
import { readIdentity } from "../../../domain/authentication/identity.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { shownDevice } from "./shown-device.ts";

const V2 = "/api/management/v2/devauth";
const AuthSetPath = z.object({ id: Id, aid: Id });
const nothing = { 204: z.undefined() };

/** What people do with devices and their keys: Mender's deviceauth. */
export const devauthActRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      `${V2}/devices/:id/auth/:aid/status`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { params: AuthSetPath, response: { 200: z.object({ status: z.string() }) } },
      },
      async (request) => {
        const { id, aid } = request.params;
        const { tenant } = callingPerson(request);
        const device = await look(postgres, request, (session) => findDevice(session, tenant, id));
        const set = device?.auth_sets.find((one) => one.id === aid);
        if (set === undefined) throw new ServerError("NOT_FOUND", { device: id, auth_set: aid });
        return { status: set.status };
      },
    );

    app.put(
      `${V2}/devices/:id/auth/:aid/status`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: AuthSetPath, body: NewAuthSetStatus, response: nothing },
      },
      async (request, reply) => {
        const { id, aid } = request.params;
        const { status } = request.body;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          const device = await findDevice(session, tenant, id);
          const set = device?.auth_sets.find((one) => one.id === aid);
          if (set === undefined || !(await setAuthSetStatus(session, tenant, id, aid, status)))
            throw new ServerError("NOT_FOUND", { device: id, auth_set: aid });
          const action = ({ accepted: "accept", rejected: "reject", pending: "update" } as const)[status];
          const object = { type: "device", id, auth_set: aid };
          return { result: undefined, acts: [{ action, object, before: { status: set.status }, after: { status } }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${V2}/devices/:id/auth/:aid`,
      { config: { auth: "user", permission: "ManageDevices" }, schema: { params: AuthSetPath, response: nothing } },
      async (request, reply) => {
        const { id, aid } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          if (!((await isInSight(session, tenant, id)) && (await removeAuthSet(session, tenant, id, aid))))
            throw new ServerError("NOT_FOUND", { device: id, auth_set: aid });
          return { result: undefined, acts: [{ action: "dismiss", object: { type: "device", id, auth_set: aid } }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${V2}/devices/:id`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: z.object({ id: Id }), response: nothing },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          const device = await findDevice(session, tenant, id);
          if (device === undefined || !(await decommissionDevice(session, tenant, id)))
            throw new ServerError("NOT_FOUND", { device: id });
          const object = { type: "device", id };
          return { result: undefined, acts: [{ action: "decommission", object, before: { status: device.status } }] };
        });
        return reply.status(204).send();
      },
    );

    app.post(
      `${V2}/devices`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { body: PreauthorizedDevice, response: { 201: z.undefined() } },
      },
      async (request, reply) => {
        const { identity_data, pubkey, force = false } = request.body;
        const identity = readIdentity(JSON.stringify(identity_data));
        if (identity === undefined) throw new ServerError("REQUEST_INVALID", { in: "identity_data" });
        const key = readPublicKey(pubkey);
        if (key === undefined) throw new ServerError("REQUEST_INVALID", { in: "pubkey", reason: "not a public key" });
        const { tenant } = callingPerson(request);
        const device = await act(postgres, request, async (session) => {
          // A new device is in no group.
          requireAllDevices(session);
          const result = await preauthorize(session, tenant, identity, key, force);
          // Not its identity data, which can be erased: a record cannot.
          const object = { type: "device", id: result };
          return {
            result,
            acts: [{ action: "preauthorize", object, after: { key_sha256: key.hash.toString("hex") } }],
          };
        });
        return reply.status(201).header("location", `${V2}/devices/${device}`).send();
      },
    );

    app.delete(
      `${V2}/tokens/:id`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: z.object({ id: Id }), response: nothing },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          const device = await revokeTokens(session, tenant, id);
          if (device === undefined || !(await isInSight(session, tenant, device)))
            throw new ServerError("NOT_FOUND", { token: id });
          return { result: undefined, acts: [{ action: "revoke", object: { type: "device", id: device, token: id } }] };
        });
        return reply.status(204).send();
      },
    );
  };

/** Makes a device whose key is accepted as soon as it asks. With `force`, a device that is there gets the key. */
async function preauthorize(
  session: Session,
  tenant: string,
  identity: { readonly attributes: Readonly<Record<string, unknown>>; readonly hash: Buffer },
  key: { readonly pem: string; readonly hash: Buffer },
  force: boolean,
): Promise<string> {
  const made = randomUUID();
  const isNew = await addDevice(session, tenant, {
    id: made,
    identity: identity.attributes,
    identityHash: identity.hash,
  });
  const present = isNew ? undefined : await findByIdentity(session, tenant, identity.hash);
  if (present !== undefined && (!force || present.auth_sets.some(({ pubkey }) => pubkey === key.pem)))
    throw new ServerError("CONFLICT", { device: present.id }, { body: shownDevice(present) });
  const device = present?.id ?? made;
  const id = randomUUID();
  await addAuthSet(session, tenant, { id, device, pubkey: key.pem, pubkeyHash: key.hash, status: "preauthorized" });
  return device;
}
