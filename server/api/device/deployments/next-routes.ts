import type { FastifyReply } from "fastify";
import { z } from "zod";
import {
  ControlMapAnswer,
  DeploymentOfDevice,
  DeviceError,
  NextAnswer,
  NextQuery,
  NextRequestV1,
  NextRequestV2,
} from "../../../../src/protocol/api/devices.ts";
import { readPollFacts } from "../../../adapters/postgres/device-polls.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingDevice } from "../../authenticate.ts";
import { downloadLink, LINK_S } from "../../links.ts";
import type { RepeatedBodies } from "../../repeated-bodies.ts";
import type { Services } from "../../services.ts";
import type { Nothing, Offered, Polls } from "./poll.ts";
import { readSaid, type Said } from "./said.ts";

const V1 = "/api/devices/v1/deployments/device/deployments";
const V2 = "/api/devices/v2/deployments/device/deployments";
export const NEXT_V2 = `${V2}/next`;

const RESPONSES = { 200: NextAnswer, 204: z.undefined(), 401: DeviceError, 409: DeviceError };

/** What Mender's devices ask for an update by. Old clients try v2 first, then both forms of v1. */
export const nextRoutes =
  (services: Services, { poll }: Polls, repeatedBodies: RepeatedBodies<NextRequestV2>): Routes =>
  (app) => {
    app.post(
      NEXT_V2,
      {
        config: { auth: "device", repeatedBodies },
        schema: { body: NextRequestV2, response: RESPONSES },
        validatorCompiler: repeatedBodies.compileCheck,
      },
      async (request, reply) => {
        const { tenant } = callingDevice(request);
        const offered = await poll(callingDevice(request), saidBy(request.body.device_provides), request.ip);
        if (!("artifact" in offered)) return answerNothing(reply, offered);
        const link = await downloadLink(services, request, {
          tenant,
          artifact: offered.artifact.id,
          validS: LINK_S.device,
        });
        const map = request.body.update_control_map === true ? controlMapOf(offered.deployment) : undefined;
        return reply.send({ ...shown(offered, link), ...(map !== undefined && { update_control_map: map }) });
      },
    );

    app.post(
      `${V1}/next`,
      { config: { auth: "device" }, schema: { body: NextRequestV1, response: RESPONSES } },
      async (request, reply) => {
        const { tenant } = callingDevice(request);
        const offered = await poll(callingDevice(request), saidBy(request.body), request.ip);
        if (!("artifact" in offered)) return answerNothing(reply, offered);
        const link = await downloadLink(services, request, {
          tenant,
          artifact: offered.artifact.id,
          validS: LINK_S.device,
        });
        return reply.send(shown(offered, link));
      },
    );

    app.get(
      `${V1}/next`,
      { config: { auth: "device" }, schema: { querystring: NextQuery, response: RESPONSES } },
      async (request, reply) => {
        const { tenant } = callingDevice(request);
        const { artifact_name = "", device_type = "" } = request.query;
        const offered = await poll(callingDevice(request), saidBy({ artifact_name, device_type }), request.ip);
        if (!("artifact" in offered)) return answerNothing(reply, offered);
        const link = await downloadLink(services, request, {
          tenant,
          artifact: offered.artifact.id,
          validS: LINK_S.device,
        });
        return reply.send(shown(offered, link));
      },
    );

    app.get(
      `${V2}/:id/update_control_map`,
      { config: { auth: "device" }, schema: { params: DeploymentOfDevice, response: { 200: ControlMapAnswer } } },
      async (request) => {
        const { tenant, device } = callingDevice(request);
        const { id } = request.params;
        const { deployments } = await services.running.of(tenant);
        const deployment = deployments.find((one) => one.id === id);
        const map = deployment && controlMapOf(deployment);
        const facts = map && (await readPollFacts(services.postgres, tenant, device, [id], [], false));
        if (map === undefined || facts?.rows.has(id) !== true) throw new ServerError("NOT_FOUND", { deployment: id });
        return { update_control_map: map };
      },
    );
  };

/** Clients that do not know `Retry-After` here come at their usual time. */
function answerNothing(reply: FastifyReply, { retryAfterS }: Nothing): FastifyReply {
  if (retryAfterS !== undefined) reply.header("retry-after", String(retryAfterS));
  return reply.status(204).send();
}

/** @throws {ServerError} REQUEST_INVALID if the device does not say what it is and what it runs */
function saidBy(provides: Said["facts"]["provides"]): Said {
  const said = readSaid(provides);
  if (said !== undefined) return said;
  throw new ServerError("REQUEST_INVALID", { reason: "artifact_name and device_type must not be empty" });
}

const shown = ({ deployment, artifact }: Offered, { uri, expire }: { uri: string; expire: string }): NextAnswer => ({
  id: deployment.id,
  artifact: {
    id: artifact.id,
    artifact_name: deployment.artifactName,
    source: { uri, expire },
    device_types_compatible: [...artifact.deviceTypes],
  },
});

/** Clients refuse a map whose id is not the deployment's. */
const controlMapOf = ({
  id,
  controlMap,
}: Offered["deployment"]): ({ id: string } & Record<string, unknown>) | undefined =>
  controlMap && { ...controlMap, id };
