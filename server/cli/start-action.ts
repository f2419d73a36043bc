import { VERSION } from "../../src/version.ts";
import { lockDataFolder } from "../adapters/data-folder/data-lock.ts";
import { startPrivatePostgres } from "../adapters/postgres/private/private-postgres.ts";
import { trustedCas } from "../adapters/tls/trusted-cas.ts";
import { caRoutes } from "../api/operations/ca-routes.ts";
import { composeServer } from "../compose.ts";
import type { Config } from "../config/config.ts";
import { type Certificate, loadCertificate } from "../listeners/certificate.ts";
import { type Listeners, openListeners } from "../listeners/listeners.ts";
import { createLogger } from "../logging/logger.ts";
import { logRequests, logsPolls } from "../logging/request-log.ts";
import { measure } from "../metrics/metrics.ts";
import { awaitDatabase } from "./await-database.ts";
import { makeFirstTenant, type NewTenant } from "./first-start.ts";
import type { ServerIo } from "./io.ts";
import { configOf, type Flags } from "./options.ts";
import { clusterFolder, makeDataFolder } from "./with-database.ts";

/** How long a command that uses the data folder may take before `start` gives up. */
const COMMAND_MS = 30_000;
const RENEW_EVERY_MS = 12 * 3600 * 1000;

/**
 * What `start` does: runs the server until a signal ends it.
 *
 * @throws {ServerError} CONFIG_INVALID, DATA_FOLDER_BUSY, DATABASE_MISSING, DATABASE_START, DATABASE_NEWER,
 * DATABASE_REFUSED, STORAGE_AWAY, STORAGE_REFUSED
 */
export async function start(flags: Flags, io: ServerIo): Promise<void> {
  const { config, printed } = await configOf(flags, io);
  if (flags["printConfig"] === true) {
    for (const line of printed) io.out(line);
    return;
  }
  const ends: (() => Promise<unknown>)[] = [];
  // From now on a signal ends the server properly, also one that comes before it is ready.
  const stop = new AbortController();
  const signalled = new Promise<string>((resolve) => io.onSignal(resolve));
  void signalled.then(() => stop.abort());
  try {
    const running = await run(config, io, ends, stop.signal);
    const name = await signalled;
    if (running === undefined) return;
    io.onSignal(() => {
      void running.stopDatabase();
      io.exit(1);
    });
    io.err(`${name}: the server answers what it was asked, and ends. A second signal ends it at once.`);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Starts everything, or nothing if `stop` comes first. What must be ended is in `ends`, also if it throws half way. */
async function run(config: Config, io: ServerIo, ends: (() => Promise<unknown>)[], stop: AbortSignal) {
  const log = createLogger(config.logLevel, io.logTo);
  await makeDataFolder(config.data);
  let loading: Promise<Certificate | undefined> | undefined;
  // Two new keys take a few seconds, in which the database starts.
  const loadBeside = (): void => {
    loading = loadCertificate(config);
    loading.catch(() => {}); // ignored: whoever awaits it hears of it.
  };
  let databaseUrl = config.database;
  let stopDatabase = async (): Promise<void> => {};
  if (databaseUrl === undefined) {
    const lock = await lockDataFolder(config.data, "start", COMMAND_MS);
    ends.push(() => lock.release());
    loadBeside();
    const database = await startPrivatePostgres({ folder: clusterFolder(config.data), log });
    databaseUrl = database.url;
    stopDatabase = () => database.stop();
    ends.push(stopDatabase);
  } else if (!(await awaitDatabase(databaseUrl, io, stop))) return undefined;
  const { connections, role, storage, url, trustProxy, webhookAllow, mail, syslog } = config;
  const ca = await trustedCas(config.trustCa);
  const server = await composeServer({
    ...{ databaseUrl, connections, storage, role, log, trustProxy, webhookAllow },
    ...(url !== undefined && { publicUrl: url }),
    ...(syslog !== undefined && { syslog: { ...syslog, ca } }),
    ...(mail !== undefined && { mail: { ...mail, ca } }),
  });
  ends.push(() => server.close());
  const { postgres } = server.services;
  const first = await makeFirstTenant(postgres, config.admin, config.adminPasswordFile);
  const certificate = await (loading ?? loadCertificate(config));
  caRoutes(certificate?.caCert)(server.app);
  logRequests(server.app);
  measure(server.app, server.lane, postgres);
  ends.push(() => server.app.close());
  const listen = role === "worker" ? undefined : config.listen;
  const listeners = await openListeners(server.app, {
    ...{ listen, localListen: config.localListen, metricsListen: config.metricsListen, certificate },
    drainDelayMs: config.drainDelayS * 1000,
    lane: logsPolls(log) ? undefined : server.lane,
  });
  ends.push(() => {
    server.services.events.end();
    return listeners.drain();
  });
  const renewal = setInterval(() => {
    loadCertificate(config).then(
      (next) => next && listeners.setCertificate(next),
      (error: unknown) => log.error({ err: error }, "The certificate cannot be read or renewed."),
    );
  }, RENEW_EVERY_MS);
  ends.push(async () => clearInterval(renewal));
  announce(config, listeners, first, certificate?.caCert !== undefined, io);
  return { stopDatabase };
}

function announce(
  config: Config,
  listeners: Listeners,
  first: NewTenant | undefined,
  hasCa: boolean,
  io: ServerIo,
): void {
  const { publicUrl, localUrl, metricsUrl } = listeners;
  if (first !== undefined) {
    io.out(`Made the tenant "${first.name}" with the token ${first.token} and the administrator ${first.admin}.`);
    if (first.password !== undefined) io.out(`Password, shown only now: ${first.password}`);
  }
  if (config.tls.kind === "off" && publicUrl !== undefined)
    io.err("Warning: devices are served by plain HTTP. Put a proxy with TLS in front.");
  if (hasCa) io.out(`Certificate authority for devices: ${localUrl ?? publicUrl}/ca.crt, or switchback-server ca`);
  if (publicUrl !== undefined) io.out(`Devices and people: ${config.url ?? publicUrl}`);
  if (localUrl !== undefined) io.out(`This machine only:  ${localUrl}`);
  if (metricsUrl !== undefined) io.out(`Metrics:            ${metricsUrl}/metrics`);
  io.out(`Switchback ${VERSION} is ready. Data: ${config.data}`);
}
