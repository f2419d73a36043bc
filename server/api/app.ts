import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import swagger from "@fastify/swagger";
import fastify, { type FastifyBaseLogger, LogController, type RawServerDefault } from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { VERSION } from "../../src/version.ts";
import type { App, Routes } from "./app-types.ts";
import { authenticate, requireAuth } from "./authenticate.ts";
import type { Callers } from "./callers.ts";
import { answerError, answerNotFound } from "./error-answers.ts";
import { type Described, referencePage } from "./operations/reference-page.ts";
import { type Patience, refuseSlowBodies } from "./slow-bodies.ts";
import { refuseUnstorable } from "./storable.ts";

export interface AppOptions {
  readonly log: FastifyBaseLogger;
  readonly callers: Callers;
  readonly routes: readonly Routes[];
  /** Waits until this process has noticed what was changed before. The answer to an act of a person waits for it. */
  readonly caughtUp?: () => Promise<void>;
  /** Makes the server that listens: plain HTTP without it. */
  readonly serverFactory?: (handler: (request: IncomingMessage, response: ServerResponse) => void) => RawServerDefault;
  /** Compares each answer with its schema, and fails with 500 if they differ. Tests do so; it costs time. */
  readonly checkAnswers?: boolean;
  /** Proxies whose word about the client holds: addresses and networks. */
  readonly trustProxy?: readonly string[];
  readonly patience?: Patience;
}

/** Bodies without a limit of their own. Uploads and logs have one. */
const BODY_LIMIT_BYTES = 1024 * 1024;

/** The HTTP application: how requests are named, parsed, authenticated and answered. Routes add what they do. */
export async function createApp(options: AppOptions): Promise<App> {
  const {
    log,
    callers,
    routes,
    caughtUp = async () => {},
    serverFactory,
    checkAnswers,
    trustProxy = [],
    patience,
  } = options;
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request would take longer to make than a poll takes. Whoever logs a request names its id.
    childLoggerFactory: (logger) => logger,
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT_BYTES,
    // Without a proxy that is known, anybody could say to come from any address.
    trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
    // Uploads take their time. Node ends a request whose headers take longer than a minute, and we end slow bodies.
    connectionTimeout: 0,
    keepAliveTimeout: 72_000,
    requestTimeout: 0,
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: true, maxParamLength: 256 },
    return503OnClosing: true,
    forceCloseConnections: "idle",
    ...(serverFactory !== undefined && { serverFactory }),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(checkAnswers === true ? serializerCompiler : () => JSON.stringify);
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body: string, done) => {
    const { repeatedBodies } = request.routeOptions.config;
    const known = repeatedBodies?.find(body);
    if (known !== undefined) done(null, known);
    // mender-cli announces JSON and sends nothing.
    else if (body === "") done(null);
    else
      void parseJson(request, body, (error, parsed) => {
        if (error === null) repeatedBodies?.note(body, parsed);
        done(error, parsed);
      });
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerNotFound);
  // Hooks that wait for nothing call back: each promise would cost the polls of a fleet.
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-men-requestid", request.id);
    done();
  });
  refuseSlowBodies(app, patience);
  app.addHook("preValidation", refuseUnstorable);
  app.addHook("onRoute", requireAuth);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Switchback", version: VERSION, description: "Devices, releases and deployments." },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: describeRoute,
  });
  authenticate(app, callers);
  app.decorateRequest("hasActed", false);
  app.addHook("onSend", (request, _reply, payload, done) => {
    if (!request.hasActed) done(null, payload);
    else
      caughtUp().then(
        () => done(null, payload),
        () => done(null, payload),
      );
  });
  // The plugin above sees the routes only if they are added after it has loaded.
  await app.after();
  for (const add of routes) add(app);
  app.get("/openapi.json", { config: { auth: "none" }, schema: { hide: true } }, () => app.swagger());
  app.get("/reference", { config: { auth: "none" }, schema: { hide: true } }, (_request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
      .serializer(String)
      .send(referencePage(app.swagger() as Described)),
  );
  return app;
}

/** What the API's description says of a route: also whether it asks for a token, and for which permission. */
const describeRoute: typeof jsonSchemaTransform = (input) => {
  const { schema, url } = jsonSchemaTransform(input);
  const { auth, permission } = input.route.config ?? {};
  if (auth === "none") return { url, schema };
  const needs = permission === undefined ? {} : { "x-switchback-permission": permission };
  return { url, schema: { ...schema, security: [{ bearer: [] }], ...needs } };
};
