import { z } from "zod";
import {
  AttributeNames,
  InventoryDevice,
  InventorySearch,
  InventoryStatistics,
} from "../../../../src/protocol/api/inventory.ts";
import { countByStatus } from "../../../adapters/postgres/devices.ts";
import { listAttributeNames } from "../../../adapters/postgres/inventory-search.ts";
import { walkInventory } from "../../../adapters/postgres/inventory-walk.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { walkerOf } from "../../cursors.ts";
import { look } from "../../guard.ts";
import { setPageHeaders } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { findPage, readTerms } from "./search.ts";
import { shownDevice } from "./shown-device.ts";

const V2 = "/api/management/v2/inventory";

/** Searches over what devices report: Mender's inventory. */
export const inventoryV2Routes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.post(
      `${V2}/filters/search`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: { body: InventorySearch, response: { 200: z.array(InventoryDevice) } },
      },
      async (request, reply) => {
        const { page, per_page, cursor, filters, sort, attributes, device_ids: devices, text } = request.body;
        const predicate = readTerms(filters, "filters");
        const { tenant } = callingPerson(request);
        const paging = { page, per_page };
        const search = { predicate, devices, text, sort };
        const query = { filters, sort, devices, text };
        const walker = walkerOf(services, request, { ...paging, cursor }, { tenant, list: "search", query });
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkInventory(session, tenant, search, walker),
          );
          walker.setHeaders(reply, next);
          return rows.map((row) => shownDevice(row, attributes));
        }
        const { rows, total } = await look(postgres, request, (session) => findPage(session, tenant, search, paging));
        setPageHeaders(request, reply, paging, { total });
        return rows.map((row) => shownDevice(row, attributes));
      },
    );

    app.get(
      `${V2}/filters/attributes`,
      { config: { auth: "user", permission: "ReadDevices" }, schema: { response: { 200: AttributeNames } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        return look(postgres, request, (session) => listAttributeNames(session, tenant));
      },
    );

    app.get(
      `${V2}/statistics`,
      { config: { auth: "user", permission: "ReadDevices" }, schema: { response: { 200: InventoryStatistics } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const counts = await look(postgres, request, (session) => countByStatus(session, tenant));
        const tiers = (n: number) => ({ standard: n, micro: 0, system: 0 });
        const named = [...counts].map(([what, n]) => [what.slice("status:".length), tiers(n)]);
        return { devices_by_status: { accepted: tiers(0), pending: tiers(0), ...Object.fromEntries(named) } };
      },
    );
  };
