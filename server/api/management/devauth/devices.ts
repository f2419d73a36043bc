import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { Device, DeviceSearch, DeviceStatus } from "../../../../src/protocol/api/devauth.ts";
import { readDeviceLimit } from "../../../adapters/postgres/device-status.ts";
import {
  countByStatus,
  type DeviceFilter,
  findDevice,
  listDevices,
  walkDevices,
} from "../../../adapters/postgres/devices.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { look } from "../../guard.ts";
import { type Paging, PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { shownDevice } from "./shown-device.ts";

const V2 = "/api/management/v2/devauth";

/** Devices and their keys, to read: Mender's deviceauth. */
export const devauthDeviceRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    const list = { 200: z.array(Device) };
    const pageOf = (tenant: string, filter: DeviceFilter, paging: Paging) => async (session: Session) => {
      const total = await countOf(session, tenant, filter);
      const { offset, limit } = windowOf(paging);
      const rows = await listDevices(session, tenant, filter, { offset, limit: limit + 1 });
      return { total, more: rows.length > limit, devices: rows.slice(0, limit).map(shownDevice) };
    };

    app.get(
      `${V2}/devices`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { querystring: DeviceSearch.extend(CursorQuery.shape), response: list },
      },
      async (request, reply) => {
        const { page, per_page, cursor, ...filter } = request.query;
        const paging = { page, per_page };
        const { tenant } = callingPerson(request);
        const walker = walkerOf(services, request, { ...paging, cursor }, { tenant, list: "devices", query: filter });
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkDevices(session, tenant, filter, walker),
          );
          walker.setHeaders(reply, next);
          return rows.map(shownDevice);
        }
        const found = await look(postgres, request, pageOf(tenant, filter, paging));
        setPageHeaders(request, reply, paging, extentOf(found));
        return found.devices;
      },
    );

    app.post(
      `${V2}/devices/search`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { querystring: PagingQuery, body: DeviceSearch, response: list },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const found = await look(postgres, request, pageOf(tenant, request.body, request.query));
        setPageHeaders(request, reply, request.query, extentOf(found));
        return found.devices;
      },
    );

    app.get(
      `${V2}/devices/count`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: {
          querystring: z.object({ status: DeviceStatus.optional() }),
          response: { 200: z.object({ count: z.number().int() }) },
        },
      },
      async (request) => {
        const { status } = request.query;
        const { tenant } = callingPerson(request);
        const filter = status === undefined ? {} : { status: [status] };
        return look(postgres, request, async (session) => ({
          count: (await countOf(session, tenant, filter)) ?? 0,
        }));
      },
    );

    app.get(
      `${V2}/devices/:id`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { params: z.object({ id: Id }), response: { 200: Device } },
      },
      async (request) => {
        const { id } = request.params;
        const { tenant } = callingPerson(request);
        const device = await look(postgres, request, (session) => findDevice(session, tenant, id));
        if (device === undefined) throw new ServerError("NOT_FOUND", { device: id });
        return shownDevice(device);
      },
    );

    app.get(
      `${V2}/limits/max_devices`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { response: { 200: z.object({ limit: z.number().int() }) } },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        return look(postgres, request, async (session) => ({
          limit: await readDeviceLimit(session, tenant),
        }));
      },
    );
  };

/** From the counters, so that no page counts rows. Unknown for a list of ids. */
async function countOf(session: Session, tenant: string, { status, id }: DeviceFilter): Promise<number | undefined> {
  if (id !== undefined) return undefined;
  const counts = await countByStatus(session, tenant);
  const wanted = status === undefined ? undefined : new Set(status.map((one) => `status:${one}`));
  return [...counts].reduce((sum, [what, n]) => (wanted?.has(what) === false ? sum : sum + n), 0);
}

const extentOf = ({ total, more }: { total: number | undefined; more: boolean }) =>
  total === undefined ? { more } : { total };
