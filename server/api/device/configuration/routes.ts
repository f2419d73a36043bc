import { z } from "zod";
import { DeviceConfiguration, DeviceError } from "../../../../src/protocol/api/devices.ts";
import { keepReportedConfiguration, readConfigured } from "../../../adapters/postgres/device-configurations.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingDevice } from "../../authenticate.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/devices/v1/deviceconfig/configuration";

/** Mender's deviceconfig, for devices: what they should be configured to, and what they are. */
export const deviceConfigurationRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.get(
      PATH,
      { config: { auth: "device" }, schema: { response: { 200: DeviceConfiguration, 401: DeviceError } } },
      (request) => {
        const { tenant, device } = callingDevice(request);
        return readConfigured(postgres, tenant, device);
      },
    );

    app.put(
      PATH,
      {
        config: { auth: "device" },
        schema: { body: DeviceConfiguration, response: { 204: z.undefined(), 401: DeviceError } },
      },
      async (request, reply) => {
        const { tenant, device } = callingDevice(request);
        if (!(await keepReportedConfiguration(postgres, tenant, device, request.body)))
          throw new ServerError("UNAUTHORIZED");
        return reply.status(204).send();
      },
    );
  };
