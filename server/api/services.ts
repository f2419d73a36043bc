import type { FastifyBaseLogger } from "fastify";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { Tokens } from "../adapters/tokens/tokens.ts";
import type { Objects } from "../ports/objects.ts";

/** What routes need. The composition root makes it once for a process. */
export interface Services {
  readonly postgres: Postgres;
  readonly tokens: Tokens;
  /** The bytes of Artifacts. */
  readonly objects: Objects;
  /** Signs links to them. */
  readonly linkKey: Buffer;
  /** `https://host:port` for links, if it is configured. */
  readonly publicUrl: string | undefined;
  readonly log: FastifyBaseLogger;
}
