import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { collectServerFacts } from "../../../adapters/transport/server-facts.ts";
import type { Config } from "../../config/config.ts";
import { serverAddresses } from "../../config/server-config.ts";
import { assessServer } from "../../core/doctor/server.ts";
import type { Finding } from "../../ports/finding.ts";
import type { Logger } from "../../util/logger.ts";
import type { CliIo } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { connectOptions } from "../transport.ts";

interface ServerParts {
  readonly options: GlobalOptions;
  readonly config: Config;
  readonly io: CliIo;
  readonly log: Logger;
}

/** Examines each configured server. @throws {AgentError} SERVER_PLAIN_HTTP, TLS_NO_TRUST, CONFIG_INVALID */
export async function assessServers(
  { options, config, io, log }: ServerParts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const urls = serverAddresses(config.server, config.switchback.allowPlainHttp);
  const connecting = await connectOptions(options, config.connection, io.env, log);
  const skips = options.skipVerify || config.connection.skipVerify;
  const findings: Finding[] = [];
  for (const url of urls) {
    const facts = await collectServerFacts(url, connecting, signal);
    findings.push(assessServer(url, facts, systemClock.nowMs(), skips));
  }
  return findings;
}
