import { z } from "zod";
import { Id } from "../../../src/protocol/api/common.ts";
import { findObject } from "../../adapters/postgres/artifacts.ts";
import { rangeOf } from "../../domain/links/byte-range.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Routes } from "../app-types.ts";
import { disposition, downloadPath, followedLink } from "../links.ts";
import type { Services } from "../services.ts";

/** The bytes of Artifacts, for devices and people with a signed link. */
export const downloadRoutes =
  (services: Services): Routes =>
  (app) => {
    app.route({
      method: ["GET", "HEAD"],
      url: downloadPath(":id"),
      config: { auth: "none" },
      schema: { params: z.object({ id: Id }) },
      async handler(request, reply) {
        const tenant = followedLink(services, request);
        const found = await findObject(services.postgres, tenant, request.params.id);
        if (found === undefined) throw new ServerError("NOT_FOUND", { artifact: request.params.id });
        const { size, sha256, name, object_key: key } = found;
        const etag = `"${sha256}"`;
        reply
          .header("accept-ranges", "bytes")
          .header("etag", etag)
          .header("cache-control", "private, no-transform")
          .header("content-disposition", disposition(`${name}.mender`));
        if (request.headers["if-none-match"] === etag) return reply.status(304).send();
        const ifRange = request.headers["if-range"]?.toString();
        const range = rangeOf(request.headers.range, size, { ifRange, etag });
        if (range.is === "unsatisfiable") {
          reply.header("content-range", `bytes */${size}`);
          throw new ServerError("RANGE_NOT_SATISFIABLE", { size });
        }
        const part = range.is === "part" ? range : { start: 0, end: size - 1 };
        if (range.is === "part") reply.status(206).header("content-range", `bytes ${part.start}-${part.end}/${size}`);
        reply.type("application/vnd.mender-artifact").header("content-length", String(part.end - part.start + 1));
        if (request.method === "HEAD") return reply.send();
        const bytes = await services.objects.getToSend(key, part);
        if (bytes === undefined) throw new ServerError("INTERNAL", { reason: "the object is missing" });
        return reply.send(bytes);
      },
    });
  };
