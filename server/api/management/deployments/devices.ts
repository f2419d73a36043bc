import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import { printable } from "../../../../src/errors/agent-error.ts";
import { Id } from "../../../../src/protocol/api/common.ts";
import { DeploymentDecision, DeploymentDevice } from "../../../../src/protocol/api/deployments.ts";
import {
  findDeploymentDevice,
  listDeploymentDevices,
  walkDeploymentDevices,
} from "../../../adapters/postgres/deployment-devices.ts";
import { findDeployment, findDeploymentLog } from "../../../adapters/postgres/deployments.ts";
import { statusesOf } from "../../../domain/deployments/statistics.ts";
import { whyOf } from "../../../domain/deployments/why.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { look } from "../../guard.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { shownDevice } from "./shown.ts";

const DEPLOYMENT = "/api/management/v1/deployments/deployments/:id";
/** What clients get that know no pages. */
const UNPAGED = { offset: 0, limit: 50_000 };

/** Adds what can be read of the devices of a deployment. */
export function addDeviceRoutes(app: App, services: Services): void {
  const { postgres } = services;
  const params = z.object({ id: Id });
  const StatusQuery = z.object({ status: z.string().max(64).optional() });

  app.get(
    `${DEPLOYMENT}/devices`,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params, querystring: StatusQuery, response: { 200: z.array(DeploymentDevice) } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const statuses = statusesIn(request.query.status);
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, request.params.id);
        const { devices } = await listDeploymentDevices(session, tenant, deployment, statuses, UNPAGED);
        return devices.map((device) => shownDevice(device, deployment));
      });
    },
  );

  app.get(
    `${DEPLOYMENT}/devices/list`,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: {
        params,
        querystring: StatusQuery.extend(CursorQuery.shape),
        response: { 200: z.array(DeploymentDevice) },
      },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { status, ...paging } = request.query;
      const statuses = statusesIn(status);
      const query = { deployment: request.params.id, status };
      const walker = walkerOf(services, request, paging, { tenant, list: "deployment-devices", query });
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, request.params.id);
        if (walker !== undefined) {
          const { rows, next } = await walkDeploymentDevices(session, tenant, deployment, statuses, walker);
          walker.setHeaders(reply, next);
          return rows.map((device) => shownDevice(device, deployment));
        }
        const window = windowOf(request.query);
        const { devices, total } = await listDeploymentDevices(session, tenant, deployment, statuses, window);
        setPageHeaders(request, reply, request.query, { total });
        return devices.map((device) => shownDevice(device, deployment));
      });
    },
  );

  app.get(
    `${DEPLOYMENT}/device_list`,
    { config: { auth: "user", permission: "ReadDeployments" }, schema: { params, response: { 200: z.array(Id) } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, request.params.id);
        const { devices } = await listDeploymentDevices(session, tenant, deployment, undefined, UNPAGED);
        return devices.map(({ device }) => device);
      });
    },
  );

  const ofDevice = params.extend({ device: Id });
  app.get(
    `${DEPLOYMENT}/devices/:device`,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: ofDevice, response: { 200: DeploymentDecision } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { id, device } = request.params;
      return look(postgres, request, async (session) => {
        const deployment = await findDeployment(session, tenant, id);
        const found = await findDeploymentDevice(session, tenant, deployment, device);
        if (found === undefined) throw new ServerError("NOT_FOUND", { device });
        const { lastPollAt, isTarget } = found.facts;
        return {
          ...(found.device !== undefined && { device: shownDevice(found.device, deployment) }),
          is_target: isTarget,
          reason: whyOf(found.facts),
          ...(lastPollAt !== undefined && { last_poll: new Date(lastPollAt).toISOString() }),
        };
      });
    },
  );

  app.get(
    `${DEPLOYMENT}/devices/:device/log`,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params: ofDevice, response: { 200: z.string() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id, device } = request.params;
      const stored = await look(postgres, request, (session) => findDeploymentLog(session, tenant, id, device));
      if (stored === undefined) throw new ServerError("NOT_FOUND", { log: device });
      return reply
        .type("text/plain; charset=utf-8")
        .serializer(String)
        .send(textOfLog(await unzip(stored)));
    },
  );
}

/** @throws {ServerError} REQUEST_INVALID */
export function statusesIn(filter: string | undefined): readonly string[] | undefined {
  if (filter === undefined) return undefined;
  const statuses = statusesOf(filter);
  if (statuses === undefined) throw new ServerError("REQUEST_INVALID", { in: "query", status: "is not known" });
  return statuses;
}

const unzip = promisify<Buffer, Buffer>(gunzip);

/** A device chooses what is in its log: it must not steer the terminal of who reads it. */
function textOfLog(json: Buffer): string {
  const messages = JSON.parse(json.toString("utf8")) as { timestamp?: string; level?: string; message?: string }[];
  return messages
    .map(({ timestamp = "", level = "", message = "" }) => `${timestamp} ${level}: ${message}`)
    .flatMap((text) => text.split("\n"))
    .map((line) => `${printable(line)}\n`)
    .join("");
}
