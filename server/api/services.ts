import type { FastifyBaseLogger } from "fastify";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { Tokens } from "../adapters/tokens/tokens.ts";

/** What routes need. The composition root makes it once for a process. */
export interface Services {
  readonly postgres: Postgres;
  readonly tokens: Tokens;
  readonly log: FastifyBaseLogger;
}
