import type { Command } from "commander";
import { composeServer, type KeyOptions } from "../compose-server.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";

/** What `bootstrap` does. The caller holds the lock. */
export async function bootstrap(program: Command, options: KeyOptions, io: CliIo): Promise<void> {
  const server = await composeServer(readGlobalOptions(program), options, io);
  await server.ensureKey();
  if (server.config.server.urls.length === 0) return;
  await (await server.session()).authorize(io.signal);
}
