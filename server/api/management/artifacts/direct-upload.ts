import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { z } from "zod";
import { DirectUpload } from "../../../../src/protocol/api/artifacts.ts";
import { Id } from "../../../../src/protocol/api/common.ts";
import { beginUpload, endUpload, findDirectUpload } from "../../../adapters/postgres/uploads.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { look } from "../../guard.ts";
import { followedLink, linkTo } from "../../links.ts";
import type { Services } from "../../services.ts";
import { storeArtifact } from "./store.ts";

const DIRECT = "/api/management/v1/deployments/artifacts/directupload";
const DIRECT_S = 3600;
const ARTIFACT_TYPE = "application/vnd.mender-artifact";
const ARTIFACT_MAX_BYTES = 10 * 1024 ** 3;

/**
 * Uploads in three steps: a link, the bytes by the link, and the word that they are complete. Only the last step reads
 * the Artifact.
 */
export function addDirectUploadRoutes(app: App, services: Services): void {
  const { postgres, objects } = services;

  app.post(
    DIRECT,
    { config: { auth: "user", permission: "UploadArtifacts" }, schema: { response: { 200: DirectUpload } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      const id = randomUUID();
      const link = linkTo(services, request, { method: "PUT", path: `${DIRECT}/${id}/content`, tenant }, DIRECT_S);
      // What came by the link just before its end can still be completed.
      const expiresAt = new Date(Date.parse(link.expire) + DIRECT_S * 1000);
      await look(postgres, request, (session) =>
        beginUpload(session, tenant, { id, key: `${tenant}/${id}`, kind: "direct", expiresAt }),
      );
      return { id, method: "PUT" as const, header: { "Content-Type": ARTIFACT_TYPE }, ...link };
    },
  );

  const params = z.object({ id: Id });
  void app.register((scope: typeof app, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.put(`${DIRECT}/:id/content`, { config: { auth: "none" } }, async (request, reply) => {
      const tenant = followedLink(services, request);
      const { id } = params.parse(request.params);
      const upload = await postgres.inTenant(tenant, (session) => findDirectUpload(session, tenant, id));
      if (upload === undefined) throw new ServerError("NOT_FOUND", { upload: id });
      await objects.put(upload.object_key, limited(request.body as Readable | undefined));
      return reply.status(200).send();
    });
    done();
  });

  app.post(
    `${DIRECT}/:id/complete`,
    { config: { auth: "user", permission: "UploadArtifacts" }, schema: { params, response: { 202: z.undefined() } } },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { id } = request.params;
      const upload = await look(postgres, request, (session) => findDirectUpload(session, tenant, id));
      const content = upload && (await objects.get(upload.object_key));
      if (upload === undefined || content === undefined) throw new ServerError("NOT_FOUND", { upload: id });
      // Stores a copy: the link still works, and must not change what was checked.
      const artifact = await storeArtifact(services, request, { content, description: "" });
      await objects.delete(upload.object_key);
      await postgres.inTenant(tenant, (session) => endUpload(session, tenant, id));
      return reply.status(202).header("location", `/api/management/v1/deployments/artifacts/${artifact}`).send();
    },
  );
}

async function* limited(body: Readable | undefined): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > ARTIFACT_MAX_BYTES) throw new ServerError("REQUEST_TOO_LARGE", { limit: ARTIFACT_MAX_BYTES });
    yield chunk;
  }
}
