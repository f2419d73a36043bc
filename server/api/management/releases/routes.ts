import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { Release, ReleaseNotes, ReleaseTags, ReleaseV1 } from "../../../../src/protocol/api/releases.ts";
import { Line, Repeated } from "../../../../src/protocol/api/text.ts";
import {
  changeRelease,
  findRelease,
  listReleases,
  type ReleaseFilter,
  releaseTags,
  removeArtifacts,
  type Release as StoredRelease,
  updateTypes,
  walkReleases,
} from "../../../adapters/postgres/releases.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App, Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { act, look } from "../../guard.ts";
import { setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { removeObjects } from "../artifacts/remove-objects.ts";
import { shownArtifact } from "../artifacts/shown.ts";
import { sortOf } from "../sort.ts";

const V1 = "/api/management/v1/deployments/deployments/releases";
const V2 = "/api/management/v2/deployments/deployments/releases";
const ALL = "/api/management/v2/deployments/releases/all";
/** What clients get that know no pages. */
const UNPAGED = { offset: 0, limit: 10_000 };

const FilterQuery = z.object({
  name: Repeated,
  tag: Repeated,
  update_type: Line.optional(),
  sort: Repeated,
});

const filterOf = (query: z.infer<typeof FilterQuery>): ReleaseFilter => ({
  names: query.name,
  tags: query.tag.map((tag) => tag.toLowerCase()),
  updateType: query.update_type,
  sort: sortOf(query.sort, ["name", "modified", "artifacts_count", "tags"], { by: "name", direction: "asc" }),
});

/** Releases: all artifacts of one name, with tags and notes. */
export const releaseRoutes =
  (services: Services): Routes =>
  (app) => {
    addLists(app, services);
    addChanges(app, services);
    const { postgres } = services;

    app.delete(
      V2,
      {
        config: { auth: "user", permission: "ManageReleases" },
        schema: { querystring: z.object({ name: Repeated }), response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const names = [...new Set(request.query.name)];
        if (names.length === 0) throw new ServerError("REQUEST_INVALID", { in: "query", name: "is missing" });
        const removed = await act(postgres, request, async (session) => {
          const result: { id: string; object_key: string }[] = [];
          // In one order for everybody: two requests must not wait for each other.
          for (const name of names.toSorted()) {
            await findRelease(session, tenant, name);
            result.push(...(await removeArtifacts(session, tenant, name)));
          }
          return { result, acts: names.map((id) => ({ action: "delete", object: { type: "release", id } })) };
        });
        await removeObjects(services, tenant, removed);
        return reply.status(204).send();
      },
    );

    const names = { response: { 200: z.array(z.string()) } };
    app.get(`${ALL}/tags`, { config: { auth: "user", permission: "ReadReleases" }, schema: names }, (request) =>
      look(postgres, request, (session) => releaseTags(session, callingPerson(request).tenant)),
    );
    app.get(`${ALL}/types`, { config: { auth: "user", permission: "ReadReleases" }, schema: names }, (request) =>
      look(postgres, request, (session) => updateTypes(session, callingPerson(request).tenant)),
    );
  };

function addLists(app: App, services: Services): void {
  const { postgres } = services;
  const paged = FilterQuery.extend(CursorQuery.shape);

  app.get(
    V1,
    {
      config: { auth: "user", permission: "ReadReleases" },
      schema: { querystring: FilterQuery, response: { 200: z.array(ReleaseV1) } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { releases, total } = await look(postgres, request, (session) =>
        listReleases(session, tenant, filterOf(request.query), UNPAGED),
      );
      reply.header("x-total-count", String(total));
      return releases.map(shownV1);
    },
  );

  /** A page, or a part of a walk. */
  async function read(request: FastifyRequest, reply: FastifyReply, asked: z.infer<typeof paged>) {
    const { tenant } = callingPerson(request);
    const { page, per_page, cursor, ...query } = asked;
    const walker = walkerOf(services, request, { page, per_page, cursor }, { tenant, list: "releases", query });
    if (walker !== undefined) {
      const { rows, next } = await look(postgres, request, (session) =>
        walkReleases(session, tenant, filterOf(query), walker),
      );
      walker.setHeaders(reply, next);
      return rows;
    }
    const { releases, total } = await look(postgres, request, (session) =>
      listReleases(session, tenant, filterOf(query), windowOf(asked)),
    );
    setPageHeaders(request, reply, asked, { total });
    return releases;
  }

  app.get(
    `${V1}/list`,
    {
      config: { auth: "user", permission: "ReadReleases" },
      schema: { querystring: paged, response: { 200: z.array(ReleaseV1) } },
    },
    async (request, reply) => (await read(request, reply, request.query)).map(shownV1),
  );

  app.get(
    V2,
    {
      config: { auth: "user", permission: "ReadReleases" },
      schema: { querystring: paged, response: { 200: z.array(Release) } },
    },
    async (request, reply) => (await read(request, reply, request.query)).map(shown),
  );
}

function addChanges(app: App, { postgres }: Services): void {
  const params = z.object({ name: z.string().min(1) });

  app.get(
    `${V2}/:name`,
    { config: { auth: "user", permission: "ReadReleases" }, schema: { params, response: { 200: Release } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return shown(await look(postgres, request, (session) => findRelease(session, tenant, request.params.name)));
    },
  );

  app.patch(
    `${V2}/:name`,
    {
      config: { auth: "user", permission: "ManageReleases" },
      schema: { params, body: ReleaseNotes, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      const { notes } = request.body;
      await act(postgres, request, async (session) => {
        const before = { notes: (await findRelease(session, tenant, name)).notes };
        await changeRelease(session, tenant, name, { notes });
        const object = { type: "release", id: name };
        return { result: undefined, acts: [{ action: "update", object, before, after: { notes } }] };
      });
      return reply.status(204).send();
    },
  );

  app.put(
    `${V2}/:name/tags`,
    {
      config: { auth: "user", permission: "ManageReleases" },
      schema: { params, body: ReleaseTags, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { name } = request.params;
      const tags = [...new Set(request.body)].toSorted();
      await act(postgres, request, async (session) => {
        const before = { tags: (await findRelease(session, tenant, name)).tags };
        await changeRelease(session, tenant, name, { tags });
        const object = { type: "release", id: name };
        return { result: undefined, acts: [{ action: "update", object, before, after: { tags } }] };
      });
      return reply.status(204).send();
    },
  );
}

const shown = ({ name, modified_at, artifacts, tags, notes }: StoredRelease): Release => ({
  name,
  modified: modified_at.toISOString(),
  artifacts: artifacts.map(shownArtifact),
  artifacts_count: artifacts.length,
  tags,
  notes,
});

const shownV1 = (release: StoredRelease): z.infer<typeof ReleaseV1> => {
  const {
    name: Name,
    modified: Modified,
    artifacts: Artifacts,
    artifacts_count: ArtifactsCount,
    ...rest
  } = shown(release);
  return { Name, Modified, Artifacts, ArtifactsCount, ...rest };
};
