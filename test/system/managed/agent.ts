import { diskActs, diskReads } from "../../../adapters/files/disk.ts";
import { createHttpTransport } from "../../../adapters/transport/http-transport.ts";
import { type Host, thisHost } from "../../../src/agent/host.ts";
import type { CliIo } from "../../../src/agent/io.ts";
import { composePoller } from "../../../src/agent/managed/managed.ts";
import { composeServerState } from "../../../src/agent/managed/schedule.ts";
import { composeServer, type ServerSide } from "../../../src/agent/managed/server.ts";
import { composeWork, type WorkOptions } from "../../../src/agent/managed/work.ts";
import { connectOptions } from "../../../src/agent/transport.ts";
import type { Poller } from "../../../src/core/poller/poller.ts";
import { startSchedule } from "../../../src/core/poller/schedule.ts";
import { authorize } from "../../../src/core/server/authorization.ts";
import { loadDeviceKey } from "../../../src/core/server/device-key.ts";
import { createSession } from "../../../src/core/server/session.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { VERSION } from "../../../src/version.ts";
import { quickActs } from "../../support/quick-files.ts";
import type { TestBoard } from "../../support/test-board.ts";
import type { VirtualClock } from "../../support/virtual-clock.ts";

export interface AgentParts {
  readonly board: Pick<TestBoard, "path">;
  readonly clock: VirtualClock;
  readonly server: string;
  /** PEM file of the certificates that it trusts. */
  readonly trustedCerts?: string | undefined;
  readonly io: CliIo;
  readonly files?: FileActs | undefined;
  /** Starts programs; default: this machine. */
  readonly process?: Host["process"] | undefined;
  /** The network between the agent and its server. */
  network(transport: Transport): Transport;
}

/** The agent in managed mode, composed as on a device, except for its clock, network and identity. */
export async function composeVirtual(parts: AgentParts, options: WorkOptions): Promise<Poller> {
  const { board, clock, server, io, trustedCerts, files = quickActs, process = thisHost.process } = parts;
  const host = { ...thisHost, clock, files, process };
  const globals = {
    config: board.path("etc/mender.conf"),
    datastore: board.path("data"),
    skipVerify: false,
    trustedCerts,
  };
  const side = await composeServer(globals, {}, Object.assign(io, { host }));
  const { config, paths, log } = side;
  // The machine's own certificates take long to load, and no server here has one of them.
  const env = { SSL_CERT_FILE: trustedCerts };
  const connecting = { ...(await connectOptions(globals, config.connection, env, log)), startTimer: clock.startTimer };
  const transport = parts.network(createHttpTransport(connecting));
  const exchange = { transport, clock, version: VERSION, log };
  let key: ReturnType<typeof loadDeviceKey> | undefined;
  const credentials = {
    identity: async () => '{"mac":"00:11"}',
    key() {
      key ??= loadDeviceKey({ path: board.path("data/mender-agent.pem"), isGiven: false }, log, {
        acts: diskActs,
        reads: diskReads,
      });
      return key;
    },
  };
  const virtual: ServerSide = {
    ...side,
    transport: async () => transport,
    authorize: (signal) => authorize(exchange, [server], credentials, signal),
  };
  const storedValue = composeServerState(paths, log, host);
  const session = createSession({ servers: [server], ...exchange, storedValue, authorize: virtual.authorize });
  const work = composeWork(virtual, session, options);
  return composePoller(virtual, session, work, startSchedule(clock.monotonicMs()));
}
