import { z } from "zod";
import { DeploymentOfDevice, DeviceError, LogReport, StatusReport } from "../../../../src/protocol/api/devices.ts";
import { keepDeploymentLog } from "../../../adapters/postgres/deployment-logs.ts";
import { reportDeviceDeployment } from "../../../adapters/postgres/device-deployments.ts";
import { finishDeployments } from "../../../adapters/postgres/end-deployments.ts";
import { causeOf } from "../../../domain/failures/cause.ts";
import { isFinal } from "../../../domain/selection/statuses.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingDevice } from "../../authenticate.ts";
import type { Services } from "../../services.ts";
import { packLog } from "./pack-log.ts";

const V1 = "/api/devices/v1/deployments/device/deployments";
const SUBSTATE_MAX = 200;
/** Mender's limit is 1 MiB, and a longer log is lost there. */
const LOG_LIMIT_BYTES = 8 * 1024 * 1024;

const RESPONSES = { 204: z.undefined(), 401: DeviceError, 404: DeviceError, 409: DeviceError };

/** What devices say while they update and afterwards. Each report may come twice, because its answer can be lost. */
export const reportRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.put(
      `${V1}/:id/status`,
      {
        config: { auth: "device" },
        schema: { params: DeploymentOfDevice, body: StatusReport, response: RESPONSES },
      },
      async (request, reply) => {
        const { tenant, device } = callingDevice(request);
        const deployment = request.params.id;
        const { status, substate } = request.body;
        const outcome = await postgres.inTenant(tenant, (session) =>
          reportDeviceDeployment(session, tenant, {
            ...{ deployment, device, status },
            ...(typeof substate === "string" && substate !== "" && { substate: substate.slice(0, SUBSTATE_MAX) }),
          }),
        );
        if (outcome === "missing") throw new ServerError("NOT_FOUND", { deployment });
        if (outcome === "ended") throw new ServerError("DEPLOYMENT_ABORTED", { deployment });
        if (outcome === "changed" && isFinal(status)) await finishDeployments(postgres, tenant, deployment);
        return reply.status(204).send();
      },
    );

    app.put(
      `${V1}/:id/log`,
      {
        config: { auth: "device" },
        bodyLimit: LOG_LIMIT_BYTES,
        schema: { params: DeploymentOfDevice, body: LogReport, response: RESPONSES },
      },
      async (request, reply) => {
        const { tenant, device } = callingDevice(request);
        const deployment = request.params.id;
        const log = await packLog(request.body.messages);
        const cause = causeOf(request.body.messages);
        const isKept = await postgres.inTenant(tenant, (session) =>
          keepDeploymentLog(session, tenant, { deployment, device, ...log, cause }),
        );
        if (!isKept) throw new ServerError("NOT_FOUND", { deployment });
        return reply.status(204).send();
      },
    );
  };
