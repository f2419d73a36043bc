import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { composeServer, type KeyOptions } from "../../agent/managed/server.ts";
import { readGlobalOptions } from "../global-options.ts";

/** What `bootstrap` does. The caller holds the lock. */
export async function bootstrap(program: Command, options: KeyOptions, io: CliIo): Promise<void> {
  const server = await composeServer(readGlobalOptions(program), options, io);
  await server.ensureKey();
  if (server.config.server.urls.length === 0) return;
  await (await server.session()).authorize(io.signal);
}
