import { z } from "zod";
import { DeviceError, InventoryReport } from "../../../../src/protocol/api/devices.ts";
import { keepInventory } from "../../../adapters/postgres/device-inventory.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingDevice } from "../../authenticate.ts";
import { forgetAnswer } from "../../callers.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/devices/v1/inventory/device/attributes";
const LIMIT_BYTES = 1024 * 1024;

/** What devices say of themselves: Mender's inventory, for devices. Its success is 200: clients take 204 for a failure. */
export const deviceInventoryRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    for (const method of ["PUT", "PATCH"] as const)
      app.route({
        method,
        url: PATH,
        config: { auth: "device" },
        bodyLimit: LIMIT_BYTES,
        schema: { body: InventoryReport, response: { 200: z.undefined(), 401: DeviceError } },
        handler: async (request, reply) => {
          const { tenant, device, memory } = callingDevice(request);
          const attributes = Object.fromEntries(request.body.map(({ name, value }) => [name, value]));
          const kept = { attributes, timeZone: timeZoneOf(attributes), replaces: method === "PUT" };
          if (!(await keepInventory(postgres, tenant, device, kept))) throw new ServerError("UNAUTHORIZED");
          // Other processes hear of it by a notice. This one answers the next poll.
          forgetAnswer(memory);
          return reply.status(200).send();
        },
      });
  };

const TIME_ZONE_NAMES = ["time_zone", "timezone", "tz"];

/** The first attribute that names a time zone of the IANA database. */
function timeZoneOf(attributes: Readonly<Record<string, unknown>>): string | undefined {
  return TIME_ZONE_NAMES.map((name) => attributes[name]).find(
    (value): value is string => typeof value === "string" && isTimeZone(value),
  );
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
