import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  NewGroupDeployment as GroupBody,
  NewDeployment,
  NewFilterDeployment,
  type NewGroupDeployment,
} from "../../../../src/protocol/api/deployments.ts";
import type { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { createDeployment, lockTargets } from "../../../adapters/postgres/create-deployment.ts";
import { findFilter } from "../../../adapters/postgres/filters.ts";
import { earlierAnswer, keepAnswer } from "../../../adapters/postgres/idempotency.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import type { Target } from "../../../adapters/postgres/tables.ts";
import { fromMender } from "../../../domain/rollout/from-mender.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { keyOf } from "./idempotency-key.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const DEPLOYMENTS_V2 = "/api/management/v2/deployments/deployments";
const Group = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/);

/** Adds the routes that create deployments. A client that lost an answer repeats the request with its Idempotency-Key. */
export function addCreationRoutes(app: App, services: Services): void {
  app.post(
    DEPLOYMENTS,
    {
      config: { auth: "user", permission: "DeployToDevices" },
      schema: { body: NewDeployment, response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const { devices = [], all_devices: isAll = false, ...wish } = request.body;
      if (isAll && devices.length > 0)
        throw new ServerError("REQUEST_INVALID", { reason: "devices and all_devices exclude each other" });
      const target: Target = isAll ? { kind: "all" } : { kind: "list" };
      return create(services, request, reply, { ...wish, target, devices: [...new Set(devices)] });
    },
  );

  app.post(
    DEPLOYMENTS_V2,
    {
      config: { auth: "user", permission: "DeployToDevices" },
      schema: { body: NewFilterDeployment, response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const { filter_id: filter, dynamic, ...wish } = request.body;
      return create(services, request, reply, { ...wish, filter: { id: filter, dynamic }, devices: [] });
    },
  );

  app.post(
    `${DEPLOYMENTS}/group/:group`,
    {
      config: { auth: "user", permission: "DeployToDevices" },
      schema: { params: z.object({ group: Group }), body: GroupBody, response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const target: Target = { kind: "group", group: request.params.group };
      return create(services, request, reply, { ...request.body, target, devices: [] });
    },
  );
}

interface Wish extends NewGroupDeployment {
  /** Or `filter`: the id of a dynamic group. */
  readonly target?: Target;
  readonly filter?: { readonly id: string; readonly dynamic: boolean };
  readonly devices: readonly string[];
}

async function targetOf(session: Session, tenant: string, { target, filter }: Wish): Promise<Target> {
  if (filter === undefined) return target ?? { kind: "list" };
  return { kind: filter.dynamic ? "filter" : "list", filter: await findFilter(session, tenant, filter.id) };
}

async function create(
  { postgres }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  wish: Wish,
): Promise<FastifyReply> {
  const { tenant, user, email } = callingPerson(request);
  const { name, artifact_name: artifactName, devices } = wish;
  const idempotency = keyOf(request, user, wish);
  const location = await act(postgres, request, async (session) => {
    await lockTargets(session, tenant);
    const earlier = idempotency && (await earlierAnswer(session, tenant, idempotency));
    if (earlier !== undefined) return { result: earlier, acts: [] };
    const id = randomUUID();
    const target = await targetOf(session, tenant, wish);
    await createDeployment(session, tenant, {
      ...{ id, name, artifactName, target, devices },
      forceInstallation: wish.force_installation ?? false,
      retries: wish.retries ?? 0,
      updateControlMap: wish.update_control_map,
      createdBy: { type: "user", id: user, email },
      plan: planOf(wish),
      author: user,
    });
    const result = `${DEPLOYMENTS}/${id}`;
    if (idempotency !== undefined) await keepAnswer(session, tenant, idempotency, result);
    const object = { type: "deployment", id, name, artifact_name: artifactName };
    const { force_installation = false, retries = 0 } = wish;
    const after = { name, artifact_name: artifactName, target, force_installation, retries, plan: planOf(wish) };
    return { result, acts: [{ action: "create", object, change: describe(wish, target), after }] };
  });
  return reply.status(201).header("location", location).send();
}

function describe(wish: Wish, target: Target): string {
  const { devices, artifact_name } = wish;
  const to = nameOf(target) ?? `${devices.length} devices`;
  const waves = planOf(wish)?.waves.length;
  return `${artifact_name} to ${to}${waves === undefined ? "" : `, in ${waves} waves`}`;
}

function nameOf(target: Target): string | undefined {
  if (target.kind === "group") return `group ${target.group}`;
  if (target.kind === "all") return "all devices";
  if (target.kind === "updated" || target.filter === undefined) return undefined;
  return `${target.kind === "filter" ? "" : "the present devices of "}dynamic group ${target.filter.name}`;
}

function planOf({ rollout, phases, max_devices: max }: Wish): Plan | undefined {
  if (rollout !== undefined) return rollout;
  // To Mender, no devices at most means that there is no limit.
  if (phases === undefined && (max === undefined || max === 0)) return undefined;
  return fromMender({ phases: phases ?? [{}], max_devices: max });
}
