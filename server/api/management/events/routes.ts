import { z } from "zod";
import { EVENT_NAMES, type EventType } from "../../../domain/events/event-types.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson, credentialOf } from "../../authenticate.ts";
import type { Services } from "../../services.ts";

/** The stream of events for people: what happens, as far as they may see it. */
export const eventRoutes =
  ({ events }: Services): Routes =>
  (app) => {
    app.get(
      "/api/management/v1/events",
      {
        config: { auth: "user", permission: "Basic" },
        schema: {
          querystring: z.object({ topics: z.string().max(1024).optional() }),
          headers: z.looseObject({ "last-event-id": z.coerce.number().int().min(0).optional() }),
          response: { 200: z.string() },
        },
      },
      async (request, reply) => {
        const person = callingPerson(request);
        const topics = request.query.topics === undefined ? undefined : topicsOf(request.query.topics);
        const credential = credentialOf(request);
        if (credential === undefined || credential === "both") throw new Error("a calling person without a credential");
        const headers = {
          "content-type": "text/event-stream; charset=utf-8",
          "cache-control": "no-store",
          // nginx keeps what it has not been told to pass on.
          "x-accel-buffering": "no",
          "x-men-requestid": request.id,
        };
        const lastSeen = request.headers["last-event-id"];
        const listener = { person, credential, topics, lastSeen };
        await events.open(listener, reply.raw, headers);
        reply.hijack();
      },
    );
  };

/** Names of events, or the words before their first dash: `device,deployment-finished`. */
function topicsOf(text: string): ReadonlySet<EventType> {
  const names = text.split(",").map((name) => name.trim());
  const found = names.map((name) => EVENT_NAMES.filter((type) => type === name || type.startsWith(`${name}-`)));
  const unknown = names.find((_, at) => found[at]?.length === 0);
  if (unknown !== undefined)
    throw new ServerError("REQUEST_INVALID", {
      in: "querystring/topics",
      topic: unknown,
      known: EVENT_NAMES.join(" "),
    });
  return new Set(found.flat());
}
