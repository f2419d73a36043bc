import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { DeviceStatus } from "../../../../src/protocol/api/devauth.ts";
import { DeviceIds, GroupChange, GroupName } from "../../../../src/protocol/api/inventory.ts";
import {
  listGroupDevices,
  listGroups,
  moveToGroup,
  readGroup,
  walkGroupDevices,
} from "../../../adapters/postgres/groups.ts";
import { devicesInSight, requireGroup } from "../../../adapters/postgres/sight.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { act, look } from "../../guard.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";

const V1 = "/api/management/v1/inventory";
const DevicePath = z.object({ id: Id });
const GroupPath = z.object({ name: GroupName });
const nothing = { 204: z.undefined() };

/** Groups of devices. A device is in one group or in none, and a group without devices is no more. */
export const groupRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.get(
      `${V1}/devices/:id/group`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { params: DevicePath, response: { 200: z.object({ group: z.string().nullable() }) } },
      },
      async (request) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        const group = await look(postgres, request, (session) => readGroup(session, tenant, id));
        if (group === undefined) throw new ServerError("NOT_FOUND", { device: id });
        return { group };
      },
    );

    app.put(
      `${V1}/devices/:id/group`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: DevicePath, body: z.object({ group: GroupName }), response: nothing },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { group } = request.body;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          requireGroup(session, group);
          const seen = await devicesInSight(session, tenant, [id]);
          const before = { group: await readGroup(session, tenant, id) };
          const { matched } = await moveToGroup(session, tenant, seen, group);
          if (matched === 0) throw new ServerError("NOT_FOUND", { device: id });
          const object = { type: "device", id, group };
          return { result: undefined, acts: [{ action: "update", object, before, after: { group } }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${V1}/devices/:id/group/:name`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: DevicePath.extend(GroupPath.shape), response: nothing },
      },
      async (request, reply) => {
        const { id, name } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          const seen = await devicesInSight(session, tenant, [id]);
          const { updated } = await moveToGroup(session, tenant, seen, null, name);
          if (updated === 0) throw new ServerError("NOT_FOUND", { device: id, group: name });
          const object = { type: "device", id, group: null };
          const change = { before: { group: name }, after: { group: null } };
          return { result: undefined, acts: [{ action: "update", object, ...change }] };
        });
        return reply.status(204).send();
      },
    );

    app.get(
      `${V1}/groups`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: {
          querystring: z.object({ status: DeviceStatus.optional() }),
          response: { 200: z.array(z.string()) },
        },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { status } = request.query;
        return look(postgres, request, (session) => listGroups(session, tenant, status));
      },
    );

    app.get(
      `${V1}/groups/:name/devices`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { params: GroupPath, querystring: CursorQuery, response: { 200: z.array(Id) } },
      },
      async (request, reply) => {
        const { name } = request.params;
        const { tenant } = callingPerson(request);
        const walker = walkerOf(services, request, request.query, { tenant, list: "group", query: name });
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkGroupDevices(session, tenant, name, walker),
          );
          if (rows.length === 0 && walker.after === undefined) throw new ServerError("NOT_FOUND", { group: name });
          walker.setHeaders(reply, next);
          return [...rows];
        }
        const { offset, limit } = windowOf(request.query);
        const ids = await look(postgres, request, (session) =>
          listGroupDevices(session, tenant, name, { offset, limit: limit + 1 }),
        );
        if (ids.length === 0 && offset === 0) throw new ServerError("NOT_FOUND", { group: name });
        setPageHeaders(request, reply, request.query, { more: ids.length > limit });
        return ids.slice(0, limit);
      },
    );

    for (const method of ["PATCH", "DELETE"] as const)
      app.route({
        method,
        url: `${V1}/groups/:name/devices`,
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: GroupPath, body: DeviceIds, response: { 200: GroupChange } },
        handler: async (request) => {
          const { name } = request.params;
          const { tenant } = callingPerson(request);
          return act(postgres, request, async (session) => {
            requireGroup(session, name);
            const ids = await devicesInSight(session, tenant, [...new Set(request.body)]);
            const { matched, updated } =
              method === "PATCH"
                ? await moveToGroup(session, tenant, ids, name)
                : await moveToGroup(session, tenant, ids, null, name);
            const change = ids.map((id) => `${method === "PATCH" ? "+" : "-"} ${id}`).join("\n");
            const acts = updated === 0 ? [] : [{ action: "update", object: { type: "group", id: name }, change }];
            return { result: { matched_count: matched, updated_count: updated }, acts };
          });
        },
      });

    app.delete(
      `${V1}/groups/:name`,
      { config: { auth: "user", permission: "ManageDevices" }, schema: { params: GroupPath, response: nothing } },
      async (request, reply) => {
        const { name } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER };
          const ids = await listGroupDevices(session, tenant, name, all);
          if (ids.length === 0) throw new ServerError("NOT_FOUND", { group: name });
          await moveToGroup(session, tenant, ids, null, name);
          const before = { devices: ids };
          return { result: undefined, acts: [{ action: "delete", object: { type: "group", id: name }, before }] };
        });
        return reply.status(204).send();
      },
    );
  };
