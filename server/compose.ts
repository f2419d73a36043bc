import type { FastifyBaseLogger } from "fastify";
import { migrate } from "./adapters/postgres/migrate.ts";
import { connectPostgres } from "./adapters/postgres/postgres.ts";
import { readMigrations } from "./adapters/postgres/read-migrations.ts";
import { loadSecrets } from "./adapters/postgres/secrets.ts";
import { createTokens } from "./adapters/tokens/tokens.ts";
import { type AppOptions, createApp } from "./api/app.ts";
import type { App } from "./api/app-types.ts";
import { findCallers } from "./api/find-callers.ts";
import { useradmRoutes } from "./api/management/useradm/routes.ts";
import { operationsRoutes } from "./api/operations/routes.ts";
import type { Services } from "./api/services.ts";

export interface ServerOptions extends Pick<AppOptions, "serverFactory" | "checkAnswers"> {
  readonly databaseUrl: string;
  readonly log: FastifyBaseLogger;
}

export interface Server {
  readonly app: App;
  readonly services: Services;
  /** Ends what the server runs besides requests, and its connections. Close the app first. */
  close(): Promise<void>;
}

/** Builds a server from its options: the only place that knows which adapter is behind a port. */
export async function composeServer({ databaseUrl, log, ...forApp }: ServerOptions): Promise<Server> {
  const postgres = connectPostgres({
    url: databaseUrl,
    onError: (error) => log.warn({ err: error }, "A connection to the database broke."),
  });
  await migrate(postgres, await readMigrations());
  const { tokenKey } = await loadSecrets(postgres);
  const tokens = createTokens(tokenKey);
  const services: Services = { postgres, tokens, log };
  const routes = [operationsRoutes(services), useradmRoutes(services)];
  const app = await createApp({ log, callers: findCallers(postgres, tokens), routes, ...forApp });
  return { app, services, close: () => postgres.close() };
}
