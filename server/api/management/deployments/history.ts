import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { DeviceHistory } from "../../../../src/protocol/api/deployments.ts";
import { listHistory } from "../../../adapters/postgres/deployment-devices.ts";
import { clearHistory, requireDevice } from "../../../adapters/postgres/deployments.ts";
import { leaveDeployments } from "../../../adapters/postgres/leave-deployments.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { statusesIn } from "./devices.ts";
import { shownDeployment, shownDevice } from "./shown.ts";

const OF_DEVICE = "/api/management/v1/deployments/deployments/devices/:device";

/** Adds what a device has to do with deployments. */
export function addHistoryRoutes(app: App, { postgres }: Services): void {
  const params = z.object({ device: Id });
  const querystring = PagingQuery.extend({ status: z.string().max(64).optional() });

  app.get(
    OF_DEVICE,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params, querystring, response: { 200: z.array(DeviceHistory) } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { device } = request.params;
      const statuses = statusesIn(request.query.status);
      const { history, total } = await look(postgres, request, (session) =>
        listHistory(session, tenant, device, statuses, windowOf(request.query)),
      );
      setPageHeaders(request, reply, request.query, { total });
      return history.map(({ deployment, row }) => ({
        id: deployment.id,
        deployment: shownDeployment(deployment),
        device: shownDevice({ device, status: row.status, row }, deployment),
      }));
    },
  );

  app.delete(
    OF_DEVICE,
    { config: { auth: "user", permission: "DeployToDevices" }, schema: { params, response: { 204: z.undefined() } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { device } = request.params;
      await act(postgres, request, async (session) => {
        await requireDevice(session, tenant, device);
        await leaveDeployments(session, tenant, { device, status: "aborted", reason: "LEFT_TARGET" });
        const object = { type: "device", id: device };
        return { result: undefined, acts: [{ action: "abort", object, change: "all its deployments" }] };
      });
      return reply.status(204).send();
    },
  );

  app.delete(
    `${OF_DEVICE}/history`,
    { config: { auth: "user", permission: "DeployToDevices" }, schema: { params, response: { 204: z.undefined() } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { device } = request.params;
      await act(postgres, request, async (session) => {
        await requireDevice(session, tenant, device);
        await clearHistory(session, tenant, device);
        const object = { type: "device", id: device };
        return { result: undefined, acts: [{ action: "delete", object, change: "its deployment history" }] };
      });
      return reply.status(204).send();
    },
  );
}
