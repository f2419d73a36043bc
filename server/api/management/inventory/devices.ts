import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { GroupName, InventoryDevice, Tags } from "../../../../src/protocol/api/inventory.ts";
import { clearInventory } from "../../../adapters/postgres/clear-inventory.ts";
import { type InventoryRow, searchInventory } from "../../../adapters/postgres/inventory-search.ts";
import { walkInventory } from "../../../adapters/postgres/inventory-walk.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { isInSight } from "../../../adapters/postgres/sight.ts";
import { writeTags } from "../../../adapters/postgres/tags.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { revisionIn, showRevision } from "../../etag.ts";
import { act, look } from "../../guard.ts";
import { setPageHeaders } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { readAttribute, readSort } from "./query.ts";
import { findPage, readConditions } from "./search.ts";
import { shownDevice } from "./shown-device.ts";

const V1 = "/api/management/v1/inventory";
const DevicePath = z.object({ id: Id });

/** Attributes come as members of their own: `name=value`, `scope/name=eq:value`. */
const DeviceQuery = CursorQuery.extend({
  sort: z.string().max(1024).optional(),
  has_group: z.enum(["true", "false"]).optional(),
  group: GroupName.optional(),
}).catchall(z.string().max(4096));

const GROUP = { scope: "system", attribute: "group" };

/** Devices of the inventory, in the first version of its API. */
export const inventoryDeviceRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.get(
      `${V1}/devices`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { querystring: DeviceQuery, response: { 200: z.array(InventoryDevice) } },
      },
      async (request, reply) => {
        const { page, per_page, cursor, sort, has_group, group, ...attributes } = request.query;
        const predicate = readConditions([
          ...(group === undefined ? [] : [{ ...GROUP, type: "$eq", value: group }]),
          ...(has_group === undefined ? [] : [{ ...GROUP, type: "$exists", value: has_group === "true" }]),
          ...Object.entries(attributes).map(([name, value]) => readAttribute(name, String(value))),
        ]);
        const { tenant } = callingPerson(request);
        const paging = { page, per_page, cursor };
        const search = { predicate, sort: readSort(sort) };
        const query = { sort, has_group, group, attributes };
        const walker = walkerOf(services, request, paging, { tenant, list: "inventory", query });
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkInventory(session, tenant, search, walker),
          );
          walker.setHeaders(reply, next);
          return rows.map((row) => shownDevice(row));
        }
        const { rows, total } = await look(postgres, request, (session) => findPage(session, tenant, search, paging));
        setPageHeaders(request, reply, paging, { total });
        return rows.map((row) => shownDevice(row));
      },
    );

    app.get(
      `${V1}/devices/:id`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { params: DevicePath, response: { 200: InventoryDevice } },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        const row = await look(postgres, request, (session) => findOne(session, tenant, id));
        showRevision(reply, row.tags_rev);
        return shownDevice(row);
      },
    );

    app.delete(
      `${V1}/devices/:id`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: DevicePath, response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        await act(postgres, request, async (session) => {
          if (!((await isInSight(session, tenant, id)) && (await clearInventory(session, tenant, id))))
            throw new ServerError("NOT_FOUND", { device: id });
          return { result: undefined, acts: [{ action: "delete", object: { type: "inventory", id } }] };
        });
        return reply.status(204).send();
      },
    );

    for (const method of ["PUT", "PATCH"] as const)
      app.route({
        method,
        url: `${V1}/devices/:id/tags`,
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params: DevicePath, body: Tags, response: { 200: z.undefined() } },
        handler: async (request, reply) => {
          const { id } = request.params;
          const { tenant } = callingPerson(request);
          const revision = revisionIn(request);
          const now = await act(postgres, request, async (session) => {
            if (!(await isInSight(session, tenant, id))) throw new ServerError("NOT_FOUND", { device: id });
            const written = await writeTags(session, tenant, id, request.body, { merge: method === "PATCH", revision });
            if (written === undefined) throw new ServerError("NOT_FOUND", { device: id });
            const object = { type: "device", id, what: "tags" };
            // Values are data of the device, which can be erased. A record cannot.
            const change = `set: ${request.body.map((tag) => tag.name).join(", ")}`;
            const states = { before: { tags: written.before }, after: { tags: written.after } };
            return { result: written.revision, acts: [{ action: "update", object, change, ...states }] };
          });
          return showRevision(reply, now).status(200).send();
        },
      });
  };

async function findOne(session: Session, tenant: string, id: string): Promise<InventoryRow> {
  const search = { predicate: readConditions([]), devices: [id] };
  const [row] = await searchInventory(session, tenant, search, { offset: 0, limit: 1 });
  if (row === undefined) throw new ServerError("NOT_FOUND", { device: id });
  return row;
}
