import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { Attention, DeviceWhy } from "../../../../src/protocol/api/overview.ts";
import { findDeploymentDevice } from "../../../adapters/postgres/deployment-devices.ts";
import { listRunning } from "../../../adapters/postgres/deployments.ts";
import { readLastPoll } from "../../../adapters/postgres/last-poll.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { readSituation } from "../../../adapters/postgres/situation.ts";
import { attentionOf } from "../../../domain/attention/attention.ts";
import { checksOf } from "../../../domain/deployments/checks.ts";
import { whyOf } from "../../../domain/deployments/why.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { shownDevice } from "../deployments/shown.ts";

const READ = { auth: "user", permission: "ReadDeployments" } as const;

/** What people look at first: what needs them, and why a device does not update. */
export const overviewRoutes =
  (services: Services): Routes =>
  (app) => {
    addAttention(app, services);
    addWhy(app, services);
  };

function addAttention(app: App, { postgres }: Services): void {
  app.get("/api/management/v2/attention", { config: READ, schema: { response: { 200: Attention } } }, (request) => {
    const person = callingPerson(request);
    return look(postgres, request, async (session) =>
      attentionOf(await readSituation(session, person.tenant, person)).map(({ code, facts, about }) => ({
        ...{ code, facts },
        ...(about !== undefined && { about }),
      })),
    );
  });
}

function addWhy(app: App, { postgres }: Services): void {
  app.get(
    "/api/management/v2/devices/:id/why",
    { config: READ, schema: { params: z.object({ id: Id }), response: { 200: DeviceWhy } } },
    (request) => {
      const { tenant } = callingPerson(request);
      return look(postgres, request, (session) => explain(session, tenant, request.params.id));
    },
  );
}

/** @throws {ServerError} NOT_FOUND */
async function explain(session: Session, tenant: string, device: string): Promise<DeviceWhy> {
  const poll = await readLastPoll(session, tenant, device);
  if (poll === undefined) throw new ServerError("NOT_FOUND", { device });
  const deployments = [];
  for (const deployment of await listRunning(session, tenant)) {
    const found = await findDeploymentDevice(session, tenant, deployment, device);
    if (found === undefined) continue;
    const reason = whyOf(found.facts);
    const checks = checksOf(reason);
    const failed = checks.find(({ result }) => result === "failed")?.check;
    deployments.push({
      ...{ id: deployment.id, name: deployment.name, artifact_name: deployment.artifact_name },
      ...(found.device !== undefined && { device: shownDevice(found.device, deployment) }),
      ...{ reason, checks: [...checks] },
      ...(failed !== undefined && { failed }),
    });
  }
  const { at, answer, intervalS, nextAt, isSilent } = poll;
  return {
    device,
    ...(at !== undefined && { last_poll: at.toISOString() }),
    ...(answer !== undefined && { answer }),
    ...(intervalS !== undefined && { poll_interval_s: intervalS }),
    ...(nextAt !== undefined && { next_poll: nextAt.toISOString() }),
    is_silent: isSilent,
    deployments,
  };
}
