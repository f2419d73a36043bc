import { z } from "zod";
import { Artifact, Link, StorageLimit } from "../../../../src/protocol/api/artifacts.ts";
import { Id } from "../../../../src/protocol/api/common.ts";
import { FreeText, Line, Repeated } from "../../../../src/protocol/api/text.ts";
import {
  type ArtifactFilter,
  describeArtifact,
  findArtifact,
  listArtifacts,
  storedBytes,
  walkArtifacts,
} from "../../../adapters/postgres/artifacts.ts";
import { removeArtifacts } from "../../../adapters/postgres/releases.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { act, look } from "../../guard.ts";
import { downloadLink, LINK_S } from "../../links.ts";
import { openForm, withForms } from "../../multipart.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { sortOf } from "../sort.ts";
import { addDirectUploadRoutes } from "./direct-upload.ts";
import { addGenerateRoute } from "./generate.ts";
import { removeObjects } from "./remove-objects.ts";
import { shownArtifact } from "./shown.ts";
import { storeArtifact } from "./store.ts";

const V1 = "/api/management/v1/deployments";
const ARTIFACTS = `${V1}/artifacts`;
const V2_ARTIFACTS = "/api/management/v2/deployments/artifacts";
const ARTIFACT_MAX_BYTES = 10 * 1024 ** 3;
/** What clients get that know no pages. */
const UNPAGED_MAX = 10_000;

const FilterQuery = z.object({
  name: Repeated,
  description: Line.optional(),
  device_type: Line.optional(),
  sort: Repeated,
});

const filterOf = (query: z.infer<typeof FilterQuery>): ArtifactFilter => ({
  names: query.name,
  description: query.description,
  deviceType: query.device_type,
  sort: sortOf(query.sort, ["name", "modified", "size"], { by: "modified", direction: "desc" }),
});

/** Artifacts: upload, list, download and removal. */
export const artifactRoutes =
  (services: Services): Routes =>
  (app) => {
    withForms((forms) => {
      addUploadRoute(forms, services);
      addGenerateRoute(forms, services);
    })(app);
    addDirectUploadRoutes(app, services);
    const { postgres } = services;

    app.get(
      ARTIFACTS,
      {
        config: { auth: "user", permission: "ReadReleases" },
        schema: { querystring: FilterQuery, response: { 200: z.array(Artifact) } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const window = { offset: 0, limit: UNPAGED_MAX };
        const { rows, total } = await look(postgres, request, (session) =>
          listArtifacts(session, tenant, filterOf(request.query), window),
        );
        reply.header("x-total-count", String(total));
        return rows.map(shownArtifact);
      },
    );

    const listed = { querystring: FilterQuery.extend(CursorQuery.shape), response: { 200: z.array(Artifact) } };
    for (const url of [`${ARTIFACTS}/list`, V2_ARTIFACTS])
      app.get(url, { config: { auth: "user", permission: "ReadReleases" }, schema: listed }, async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { page, per_page, cursor, ...query } = request.query;
        const walker = walkerOf(services, request, { page, per_page, cursor }, { tenant, list: "artifacts", query });
        if (walker !== undefined) {
          const { rows, next } = await look(postgres, request, (session) =>
            walkArtifacts(session, tenant, filterOf(query), walker),
          );
          walker.setHeaders(reply, next);
          return rows.map(shownArtifact);
        }
        const { rows, total } = await look(postgres, request, (session) =>
          listArtifacts(session, tenant, filterOf(query), windowOf(request.query)),
        );
        setPageHeaders(request, reply, request.query, { total });
        return rows.map(shownArtifact);
      });

    const params = z.object({ id: Id });
    app.get(
      `${ARTIFACTS}/:id`,
      { config: { auth: "user", permission: "ReadReleases" }, schema: { params, response: { 200: Artifact } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const row = await look(postgres, request, (session) => findArtifact(session, tenant, id));
        if (row === undefined) throw new ServerError("NOT_FOUND", { artifact: id });
        return shownArtifact(row);
      },
    );

    app.put(
      `${ARTIFACTS}/:id`,
      {
        config: { auth: "user", permission: "ManageReleases" },
        schema: { params, body: z.object({ description: FreeText }), response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const { description } = request.body;
        await act(postgres, request, async (session) => {
          const row = await findArtifact(session, tenant, id);
          if (row === undefined || !(await describeArtifact(session, tenant, id, description)))
            throw new ServerError("NOT_FOUND", { artifact: id });
          const object = { type: "artifact", id, name: row.name };
          const before = { description: row.description };
          return { result: undefined, acts: [{ action: "update", object, before, after: { description } }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${ARTIFACTS}/:id`,
      { config: { auth: "user", permission: "ManageReleases" }, schema: { params, response: { 204: z.undefined() } } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const removed = await act(postgres, request, async (session) => {
          const row = await findArtifact(session, tenant, id);
          const result = row === undefined ? [] : await removeArtifacts(session, tenant, row.name, [id]);
          if (row === undefined || result.length === 0) throw new ServerError("NOT_FOUND", { artifact: id });
          return { result, acts: [{ action: "delete", object: { type: "artifact", id, name: row.name } }] };
        });
        await removeObjects(services, tenant, removed);
        return reply.status(204).send();
      },
    );

    app.get(
      `${ARTIFACTS}/:id/download`,
      { config: { auth: "user", permission: "ReadReleases" }, schema: { params, response: { 200: Link } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const row = await look(postgres, request, (session) => findArtifact(session, tenant, id));
        if (row === undefined) throw new ServerError("NOT_FOUND", { artifact: id });
        const fileName = `${row.name}.mender`;
        return downloadLink(services, request, { tenant, artifact: id, validS: LINK_S.person, fileName });
      },
    );

    app.get(
      `${V1}/limits/storage`,
      { config: { auth: "user", permission: "ReadReleases" }, schema: { response: { 200: StorageLimit } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const usage = await look(postgres, request, (session) => storedBytes(session, tenant));
        return { limit: 0, usage };
      },
    );
  };

function addUploadRoute(...[app, services]: [Parameters<Routes>[0], Services]): void {
  app.post(
    ARTIFACTS,
    {
      config: { auth: "user", permission: "UploadArtifacts" },
      schema: { consumes: ["multipart/form-data"], response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const form = await openForm(request, ARTIFACT_MAX_BYTES);
      try {
        const { data: description, success } = FreeText.safeParse(form.fields.get("description")?.[0] ?? "");
        if (!success) throw new ServerError("REQUEST_INVALID", { in: "form", field: "description" });
        const claimed = form.fields.get("size")?.[0];
        const onEnd = async (sizeBytes: number): Promise<void> => {
          if (claimed !== undefined && claimed !== String(sizeBytes))
            throw new ServerError("REQUEST_INVALID", { field: "size", claimed, received: sizeBytes });
          await form.finish();
        };
        const id = await storeArtifact(services, request, { content: form.file, description, onEnd });
        return reply.status(201).header("location", `${ARTIFACTS}/${id}`).send();
      } catch (error) {
        form.abandon();
        throw form.isTooLarge() ? new ServerError("REQUEST_TOO_LARGE", { limit: ARTIFACT_MAX_BYTES }) : error;
      }
    },
  );
}
