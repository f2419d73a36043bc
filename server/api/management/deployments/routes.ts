import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { Deployment, DeploymentStatistics, DeploymentsQuery } from "../../../../src/protocol/api/deployments.ts";
import { type DeploymentFilter, findDeployment, listDeployments } from "../../../adapters/postgres/deployments.ts";
import { abortDeployment } from "../../../adapters/postgres/end-deployments.ts";
import { actOnRollout } from "../../../adapters/postgres/move-rollout.ts";
import { WholeDeployment } from "../../../adapters/postgres/sight.ts";
import type { DeploymentState } from "../../../adapters/postgres/tables.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { addCausesRoute } from "./causes.ts";
import { addCreationRoutes } from "./create.ts";
import { addDeviceRoutes } from "./devices.ts";
import { addDownloadLimitRoutes } from "./download-limits.ts";
import { addEstimateRoute } from "./estimate.ts";
import { addHistoryRoutes } from "./history.ts";
import { addRolloutRoutes } from "./rollouts.ts";
import { addSeriesRoute } from "./series.ts";
import { shownDeployment } from "./shown.ts";
import { addSummaryRoute } from "./summary.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const V2_DEPLOYMENTS = "/api/management/v2/deployments/deployments";

/** Deployments: creation, lists, statistics and abort. */
export const deploymentRoutes =
  (services: Services): Routes =>
  (app) => {
    addCreationRoutes(app, services);
    addReads(app, services);
    addDeviceRoutes(app, services);
    addHistoryRoutes(app, services);
    addSeriesRoute(app, services);
    addEstimateRoute(app, services);
    addDownloadLimitRoutes(app, services);
    addRolloutRoutes(app, services);
    addSummaryRoute(app, services);
    addCausesRoute(app, services);

    const params = z.object({ id: Id });
    const body = z.object({ status: z.literal("aborted") });
    app.put(
      `${DEPLOYMENTS}/:id/status`,
      {
        config: { auth: "user", permission: "DeployToDevices" },
        schema: { params, body, response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant, user, email } = callingPerson(request);
        const { id } = request.params;
        await act(services.postgres, request, async (session) => {
          const deployment = await findDeployment(session, tenant, id);
          const whole = await WholeDeployment.inSight(session, tenant, deployment);
          const { name, is_rollout: isRollout } = deployment;
          const by = { id: user, email };
          const isDone = isRollout
            ? (await actOnRollout(session, tenant, whole, { act: "abort", by, isDry: false }))?.refused === undefined
            : await abortDeployment(session, tenant, whole);
          if (!isDone) throw new ServerError("NOT_POSSIBLE", { deployment: id, reason: "it has finished" });
          return { result: undefined, acts: [{ action: "abort", object: { type: "deployment", id, name } }] };
        });
        return reply.status(204).send();
      },
    );
  };

function addReads(app: App, { postgres }: Services): void {
  const listed = { querystring: DeploymentsQuery.extend(PagingQuery.shape), response: { 200: z.array(Deployment) } };
  for (const url of [DEPLOYMENTS, V2_DEPLOYMENTS])
    app.get(
      url,
      { config: { auth: "user", permission: "ReadDeployments" }, schema: listed },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { deployments, total } = await look(postgres, request, (session) =>
          listDeployments(session, tenant, filterOf(request.query), windowOf(request.query)),
        );
        setPageHeaders(request, reply, request.query, { total });
        return deployments.map(shownDeployment);
      },
    );

  const params = z.object({ id: Id });
  app.get(
    `${DEPLOYMENTS}/:id`,
    { config: { auth: "user", permission: "ReadDeployments" }, schema: { params, response: { 200: Deployment } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return shownDeployment(
        await look(postgres, request, (session) => findDeployment(session, tenant, request.params.id)),
      );
    },
  );

  app.get(
    `${DEPLOYMENTS}/:id/statistics`,
    {
      config: { auth: "user", permission: "ReadDeployments" },
      schema: { params, response: { 200: DeploymentStatistics } },
    },
    async (request) => {
      const { tenant } = callingPerson(request);
      const { statistics } = await look(postgres, request, (session) =>
        findDeployment(session, tenant, request.params.id),
      );
      return statistics;
    },
  );

  const body = z.object({ deployment_ids: z.array(Id).max(500) });
  const answer = z.array(z.object({ id: Id, stats: DeploymentStatistics }));
  app.post(
    `${DEPLOYMENTS}/statistics/list`,
    { config: { auth: "user", permission: "ReadDeployments" }, schema: { body, response: { 200: answer } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const ids = [...new Set(request.body.deployment_ids)];
      if (ids.length === 0) return [];
      const { deployments } = await look(postgres, request, (session) =>
        listDeployments(session, tenant, { ...NO_FILTER, ids }, { offset: 0, limit: ids.length }),
      );
      return ids.map((id) => {
        const found = deployments.find((one) => one.id === id);
        if (found === undefined) throw new ServerError("NOT_FOUND", { deployment: id });
        return { id, stats: found.statistics };
      });
    },
  );
}

const NO_FILTER: DeploymentFilter = {
  ...{ states: [], names: [], ids: [], type: undefined, search: undefined, direction: "desc" },
  ...{ createdAfter: undefined, createdBefore: undefined },
};

/** What Mender calls finished includes what was aborted. Nothing is scheduled yet: such a deployment is pending. */
const STATES_OF: Readonly<Record<string, readonly DeploymentState[]>> = {
  pending: ["pending"],
  scheduled: ["pending"],
  inprogress: ["inprogress"],
  finished: ["finished", "aborted"],
  aborted: ["aborted"],
};

const filterOf = (query: z.infer<typeof DeploymentsQuery>): DeploymentFilter => ({
  states: [...new Set(query.status.flatMap((status) => STATES_OF[status] ?? []))],
  type: query.type,
  search: query.search,
  names: query.name,
  ids: query.id,
  createdAfter: query.created_after === undefined ? undefined : new Date(query.created_after * 1000),
  createdBefore: query.created_before === undefined ? undefined : new Date(query.created_before * 1000),
  direction: query.sort,
});
