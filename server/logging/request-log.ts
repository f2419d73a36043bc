import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from "fastify";
import type { App } from "../api/app-types.ts";

/** Whether each poll is logged. Those that the lane answers never are. */
export const logsPolls = ({ level }: Pick<FastifyBaseLogger, "level">): boolean =>
  level === "debug" || level === "trace";

/**
 * Logs each request when it is answered: who asked for what, and how it ended. The path is that of the route: the
 * request's own may carry ids, and its query the signature of a link. Requests of devices that succeed are logged at
 * the level debug, because a fleet makes thousands of them a second.
 */
export function logRequests(app: App): void {
  const isVerbose = logsPolls(app.log);
  app.addHook("onResponse", (request, reply, done) => {
    log(request, reply);
    done();
  });

  function log(request: FastifyRequest, reply: FastifyReply): void {
    const { caller, method } = request;
    const { url = "(unknown)", config } = request.routeOptions;
    const status = reply.statusCode;
    const isQuiet = status < 400 && (config.auth === "device" || url === "/healthz" || url === "/readyz");
    if (isQuiet && !isVerbose) return;
    const level = status >= 500 ? "error" : isQuiet ? "debug" : "info";
    request.log[level](
      {
        ...{
          request_id: request.id,
          method,
          route: url,
          status,
          ms: Math.round(reply.elapsedTime),
          address: request.ip,
        },
        ...(caller !== undefined && {
          tenant: caller.tenant,
          [caller.kind]: caller.kind === "user" ? caller.user : caller.device,
        }),
      },
      "request",
    );
  }
}
