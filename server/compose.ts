import { hostname } from "node:os";
import type { FastifyBaseLogger } from "fastify";
import type { NextRequestV2 } from "../src/protocol/api/devices.ts";
import { VERSION } from "../src/version.ts";
import { readConsole } from "./adapters/console/read-console.ts";
import type { MailServer } from "./adapters/mail/mailer.ts";
import { openObjects } from "./adapters/objects/open-objects.ts";
import { guardedAgents } from "./adapters/outgoing/guarded-agents.ts";
import { collectCheckIns } from "./adapters/postgres/check-ins.ts";
import { numberEvents } from "./adapters/postgres/events.ts";
import { recordOldFailures } from "./adapters/postgres/login-records.ts";
import { migrate } from "./adapters/postgres/migrate.ts";
import { listenForNotices } from "./adapters/postgres/notifications.ts";
import { connectPostgres } from "./adapters/postgres/postgres.ts";
import { readMigrations } from "./adapters/postgres/read-migrations.ts";
import { removeOld } from "./adapters/postgres/retention.ts";
import { keepRunningDeployments } from "./adapters/postgres/running-deployments.ts";
import { loadSecrets } from "./adapters/postgres/secrets.ts";
import { createOpenId } from "./adapters/sign-in/openid.ts";
import { type CollectorAddress, createCollector } from "./adapters/syslog/collector.ts";
import { createTokens } from "./adapters/tokens/tokens.ts";
import { createSender } from "./adapters/webhooks/send.ts";
import { type AppOptions, createApp } from "./api/app.ts";
import type { App, Routes } from "./api/app-types.ts";
import { FullRollouts } from "./api/device/deployments/full-rollouts.ts";
import { createPolls } from "./api/device/deployments/poll.ts";
import { PollLane } from "./api/device/deployments/poll-lane.ts";
import { DeviceMemories } from "./api/device/device-memories.ts";
import { deviceRoutes } from "./api/device/routes.ts";
import { downloadRoutes } from "./api/downloads/routes.ts";
import { findCallers } from "./api/find-callers.ts";
import { artifactRoutes } from "./api/management/artifacts/routes.ts";
import { channelRoutes } from "./api/management/channels/channels.ts";
import { continuousRoutes } from "./api/management/channels/continuous.ts";
import { signingKeyRoutes } from "./api/management/channels/keys.ts";
import { deploymentRoutes } from "./api/management/deployments/routes.ts";
import { createEventHub } from "./api/management/events/event-hub.ts";
import { eventRoutes } from "./api/management/events/routes.ts";
import { integrationRoutes } from "./api/management/integrations/routes.ts";
import { overviewRoutes } from "./api/management/overview/routes.ts";
import { peopleRoutes } from "./api/management/people-routes.ts";
import { releaseRoutes } from "./api/management/releases/routes.ts";
import { consoleRoutes } from "./api/operations/console-routes.ts";
import { operationsRoutes } from "./api/operations/routes.ts";
import { RepeatedBodies } from "./api/repeated-bodies.ts";
import type { Services } from "./api/services.ts";
import type { Storage } from "./config/storage.ts";
import { again } from "./jobs/again.ts";
import { anchorAudit } from "./jobs/anchor-audit.ts";
import { deliverWebhooks } from "./jobs/deliver-webhooks.ts";
import { hourly } from "./jobs/hourly.ts";
import { sendMails } from "./jobs/send-mails.ts";
import { streamAudit } from "./jobs/stream-audit.ts";
import { sweepObjects } from "./jobs/sweep-objects.ts";
import { tickRollouts } from "./jobs/tick-rollouts.ts";

/** How long an event may wait for its number. */
const NUMBER_EVERY_MS = 200;

export interface ServerOptions extends Pick<AppOptions, "serverFactory" | "checkAnswers" | "trustProxy" | "patience"> {
  readonly databaseUrl: string;
  /** Connections to it, at most. */
  readonly connections?: number;
  readonly storage: Storage;
  readonly publicUrl?: string;
  /** Private addresses and networks that webhooks, and calls to identity providers, may go to. */
  readonly webhookAllow?: readonly string[];
  /** How mails are sent, for which `publicUrl` must be known. */
  readonly mail?: MailServer;
  /** The collector that gets all audit records. */
  readonly syslog?: CollectorAddress;
  /** Where the files of the console are. Default: beside the program. */
  readonly consoleFolder?: URL;
  /** `api` leaves the work that no request waits for to other processes. */
  readonly role?: "all" | "api" | "worker";
  readonly log: FastifyBaseLogger;
}

export interface Server {
  readonly app: App;
  /** For the listeners: it answers most polls before they reach the app. */
  readonly lane: PollLane;
  readonly services: Services;
  /** Ends what the server runs besides requests, and its connections. Close the app first. */
  close(): Promise<void>;
}

/** Builds a server from its options: the only place that knows which adapter is behind a port. */
export async function composeServer({
  databaseUrl,
  connections,
  storage,
  publicUrl,
  webhookAllow = [],
  mail,
  syslog,
  consoleFolder,
  role = "all",
  log,
  ...forApp
}: ServerOptions): Promise<Server> {
  const objects = await openObjects(storage);
  const postgres = connectPostgres({
    url: databaseUrl,
    ...(connections !== undefined && { connections }),
    onError: (error) => log.warn({ err: error }, "A connection to the database broke."),
  });
  await migrateDatabase(databaseUrl);
  const { tokenKey, linkKey } = await loadSecrets(postgres);
  const tokens = createTokens(tokenKey);
  const notices = listenForNotices(databaseUrl, log, () => postgres.renew());
  const running = keepRunningDeployments(postgres, notices);
  const full = new FullRollouts();
  const checkIns = collectCheckIns(postgres, log);
  const agents = guardedAgents(webhookAllow);
  const webhooks = createSender(agents);
  const openId = createOpenId(agents);
  const directLinks = storage.kind === "s3" && storage.presigned;
  const memories = new DeviceMemories(postgres, tokens, notices);
  const callers = findCallers(postgres, tokens, memories);
  const events = createEventHub(postgres, notices, callers);
  const mailer = mail && (await import("./adapters/mail/mailer.ts")).createMailer(mail);
  const services: Services = {
    postgres,
    tokens,
    notices,
    running,
    checkIns,
    full,
    objects,
    webhooks,
    openId,
    events,
    directLinks,
    linkKey,
    publicUrl,
    canMail: mailer !== undefined,
    log,
  };
  const shared = { memories, polls: createPolls(services), bodies: new RepeatedBodies<NextRequestV2>() };
  const routes = [...allRoutes(services, shared), consoleRoutes(await readConsole(consoleFolder))];
  const app = await createApp({
    log,
    callers,
    routes,
    caughtUp: notices.caughtUp,
    ...forApp,
  });
  const endHourly = role === "api" ? [] : startHourly();
  const endTicking = again("the work of each second", 1000, log, async () => {
    await checkIns.flush();
    await running.look();
  });
  const endRollouts = again("moving rollouts", 1000, log, () =>
    tickRollouts(postgres, (deployment) => full.delete(deployment), log),
  );
  const deliveries = deliverWebhooks(postgres, webhooks, log);
  const endEvents = role === "api" ? [] : [...startEvents(), ...startMails(), ...startStream()];
  return {
    app,
    lane: new PollLane({ ...shared, running }),
    services,
    async close() {
      await endTicking();
      await endRollouts();
      await Promise.all(endEvents.map((end) => end()));
      await deliveries.close();
      agents.close();
      await checkIns.flush();
      await notices.close();
      await Promise.all(endHourly.map((end) => end()));
      await postgres.close();
      await objects.close();
    },
  };

  function startEvents(): (() => Promise<void>)[] {
    notices.subscribe((notice) => {
      if (notice === undefined || notice.what === "events") deliveries.start().catch(() => {}); // ignored: tried each second.
    });
    return [
      again("giving numbers to events", NUMBER_EVERY_MS, log, () => numberEvents(postgres)),
      again("deliveries to webhooks", 1000, log, () => deliveries.start()),
    ];
  }

  function startMails(): (() => Promise<void>)[] {
    if (mailer === undefined || publicUrl === undefined) return [];
    const sending = { mailer, publicUrl };
    return [again("sending mails", 1000, log, () => sendMails(postgres, sending, log))];
  }

  function startStream(): (() => Promise<void>)[] {
    if (syslog === undefined) return [];
    const { host, port, isTls } = syslog;
    const destination = `${isTls ? "tls" : "tcp"}://${host}:${port}`;
    const stream = { collector: createCollector(syslog), destination, host: hostname(), version: VERSION };
    return [again("sending audit records", 1000, log, () => streamAudit(postgres, stream, log))];
  }

  function startHourly(): (() => Promise<void>)[] {
    const sweep = async () => {
      const removed = await sweepObjects(postgres, objects);
      return removed > 0 ? { removed } : undefined;
    };
    const forget = async () => {
      const removed = await removeOld(postgres);
      return Object.keys(removed).length > 0 ? { removed } : undefined;
    };
    const logins = async () => {
      const recorded = await recordOldFailures(postgres);
      return recorded > 0 ? { recorded } : undefined;
    };
    const said = new Map<string, string>();
    const anchor = () => anchorAudit(postgres, said, log);
    return [
      hourly("record failed logins", logins, log),
      hourly("write anchors of the audit log", anchor, log),
      hourly("remove objects that nothing names", sweep, log),
      hourly("remove what is too old", forget, log),
    ];
  }
}

async function migrateDatabase(url: string): Promise<void> {
  const postgres = connectPostgres({ url, connections: 1, isPatient: true });
  try {
    await migrate(postgres, await readMigrations());
  } finally {
    await postgres.close();
  }
}

/** Every route of the API. */
export function allRoutes(services: Services, shared: Parameters<typeof deviceRoutes>[1]): readonly Routes[] {
  const management = [
    downloadRoutes,
    artifactRoutes,
    releaseRoutes,
    signingKeyRoutes,
    continuousRoutes,
    channelRoutes,
    deploymentRoutes,
    integrationRoutes,
    eventRoutes,
    overviewRoutes,
  ];
  const routes = [operationsRoutes, ...management].map((routesOf) => routesOf(services));
  return [...routes, ...peopleRoutes(services), ...deviceRoutes(services, shared)];
}
