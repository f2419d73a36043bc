import type { FastifyRequest } from "fastify";
import { ServerError } from "../errors/server-error.ts";
import type { App } from "./app-types.ts";

/** How slowly a body may come: at least so many bytes in each period, however large the body is. */
export interface Patience {
  readonly periodMs: number;
  readonly bytes: number;
}

/** 270 bytes a second. The slowest modem is faster. */
const PATIENCE: Patience = { periodMs: 30_000, bytes: 8192 };

declare module "fastify" {
  interface FastifyRequest {
    slowBodyTimer: NodeJS.Timeout | undefined;
  }
}

/**
 * Ends requests whose bodies hardly come: they would hold a connection and a place in the memory for as long as the
 * client likes. Bodies may take hours, but not stand still. The server answers 408 and closes the connection.
 */
export function refuseSlowBodies(app: App, { periodMs, bytes }: Patience = PATIENCE): void {
  app.decorateRequest("slowBodyTimer", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const { raw } = request;
    if (raw.headers["content-length"] === undefined && raw.headers["transfer-encoding"] === undefined) return;
    let seen = raw.socket.bytesRead;
    // With bytes that wait for us, the client is not the slow one.
    const isSlow = (): boolean =>
      !raw.complete && !raw.destroyed && raw.readableLength === 0 && raw.socket.bytesRead - seen < bytes;
    const refuse = (): void => {
      end(request);
      // The parser of the body hears it, and the error takes the usual way to the client. Without a parser, or with an
      // answer that has been sent, there is only the connection to end.
      if (reply.sent || raw.listenerCount("error") === 0) raw.destroy();
      else {
        reply.header("connection", "close");
        raw.emit("error", new ServerError("REQUEST_TIMEOUT", { bytes, seconds: periodMs / 1000 }));
      }
    };
    request.slowBodyTimer = setInterval(() => {
      if (raw.complete || raw.destroyed) end(request);
      else if (isSlow())
        // If this process stood still, what has come in the meantime is read only after the timers.
        setImmediate(() => request.slowBodyTimer !== undefined && isSlow() && refuse());
      else seen = raw.socket.bytesRead;
    }, periodMs).unref();
  });
  app.addHook("preValidation", async (request) => {
    if (request.raw.complete) end(request);
  });
}

function end(request: FastifyRequest): void {
  clearInterval(request.slowBodyTimer);
  request.slowBodyTimer = undefined;
}
