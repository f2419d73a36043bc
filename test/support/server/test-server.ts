import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import { inject } from "vitest";
import { hashPassword } from "../../../server/adapters/passwords/passwords.ts";
import { addTenant, addUser } from "../../../server/adapters/postgres/people.ts";
import { addSession } from "../../../server/adapters/postgres/sessions.ts";
import { composeServer, type Server, type ServerOptions } from "../../../server/compose.ts";
import { openListeners } from "../../../server/listeners/listeners.ts";
import { measure } from "../../../server/metrics/metrics.ts";
import { keepLedger } from "./audit-ledger.ts";
import type { DatabaseFront } from "./database-front.ts";

export interface TestServer {
  readonly server: Server;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly databaseUrl: string;
  /** The folder of the file store. */
  readonly storage: string;
  readonly tenant: { readonly id: string; readonly token: string };
  /** The token of the tenant's administrator. */
  readonly token: string;
  /** The listener for this machine, of a measured server. */
  readonly localUrl: string | undefined;
  readonly metricsUrl: string | undefined;
  /** A request with that token, and JSON as its body if there is one. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

const ADMIN = { email: "admin@example.com", password: "correct horse battery" };

/** A copy of the migrated database, for one test file. */
const makeDatabase = (): Promise<string> => createDatabase("TEMPLATE switchback");

/** A database without a schema. */
export const emptyDatabase = (): Promise<string> => createDatabase("");

async function createDatabase(from: string): Promise<string> {
  const folder = inject("postgresFolder");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client(`postgresql://switchback@/postgres?host=${folder}`);
  await client.connect();
  // Two copies of the template at once are refused.
  await client.query("SELECT pg_advisory_lock(1)");
  await client.query(`CREATE DATABASE ${name} ${from}`);
  await client.end();
  return `postgresql://switchback@/${name}?host=${folder}`;
}

const nameOf = (url: string): string => /test_\w+/.exec(url)?.[0] ?? "";

interface TestOptions
  extends Partial<
    Pick<
      ServerOptions,
      "publicUrl" | "consoleFolder" | "trustProxy" | "webhookAllow" | "patience" | "log" | "storage" | "mail" | "syslog"
    >
  > {
  /** With both listeners and the metrics, whose numbers of deployments are always fresh. */
  readonly isMeasured?: boolean;
  /** Of a measured server: how many milliseconds headers may take. */
  readonly headersTimeout?: number;
  /** How long it still takes requests when it closes. */
  readonly drainDelayMs?: number;
  /** The server reaches the database through it. */
  readonly front?: DatabaseFront;
  /** `false`: Fastify answers all polls. */
  readonly hasLane?: boolean;
}

/** A server on a database of its own, with a tenant and its administrator. It checks each of its answers. */
export async function startTestServer({
  isMeasured = false,
  hasLane = true,
  headersTimeout,
  drainDelayMs = 0,
  front,
  ...options
}: TestOptions = {}): Promise<TestServer> {
  const url = await makeDatabase();
  if (front !== undefined) {
    front.passTo(inject("postgresFolder"));
    await front.listen();
  }
  // The store of Artifacts, if there is no other one.
  const folder = await mkdtemp(join(tmpdir(), "switchback-objects-"));
  const log = pino({ level: "fatal" });
  const server = await composeServer({
    ...{
      databaseUrl: front === undefined ? url : `postgresql://switchback@127.0.0.1:${front.port}/${nameOf(url)}`,
      storage: { kind: "folder", folder },
      log,
      checkAnswers: true,
    },
    ...options,
  });
  const wrong = keepLedger(server);
  const { postgres } = server.services;
  const tenant = await postgres.shared((session) => addTenant(session, "default"));
  const hash = await hashPassword(ADMIN.password);
  // No login: the tests begin with an audit log that is empty.
  const token = await postgres.inTenant(tenant.id, async (session) => {
    const { id: user } = await addUser(session, tenant.id, ADMIN.email, hash);
    const jti = await addSession(session, tenant.id, user, null, { address: "127.0.0.1", userAgent: undefined });
    return server.services.tokens.sign({ jti, sub: user, tenant: tenant.id, kind: "user" }, undefined);
  });
  const { address, localUrl, metricsUrl, endListening } = await listen(server, {
    ...{ isMeasured, hasLane, headersTimeout, drainDelayMs },
  });
  return {
    server,
    url: address,
    localUrl,
    metricsUrl,
    databaseUrl: url,
    storage: folder,
    tenant,
    token,
    request: (method, path, body, headers = {}) =>
      fetch(`${address}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async close() {
      await endListening();
      await server.close();
      await rm(folder, { recursive: true, force: true });
      // The test file fails, whatever it is about.
      if (wrong.length > 0) throw new Error(`the audit log has not what happened:\n${wrong.join("\n")}`);
    },
  };
}

const ANY_PORT = { host: "127.0.0.1", port: 0 };

async function listen(
  { app, lane, services }: Server,
  {
    isMeasured,
    hasLane,
    headersTimeout,
    drainDelayMs,
  }: { isMeasured: boolean; hasLane: boolean; headersTimeout: number | undefined; drainDelayMs: number },
) {
  if (isMeasured) measure(app, lane, services.postgres, 0);
  const listeners = await openListeners(app, {
    ...{ listen: ANY_PORT, localListen: isMeasured ? ANY_PORT : undefined, certificate: undefined },
    metricsListen: isMeasured ? ANY_PORT : undefined,
    lane: hasLane ? lane : undefined,
    drainDelayMs,
    ...(headersTimeout !== undefined && { headersTimeout, connectionsCheckingInterval: headersTimeout }),
  });
  const endListening = async (): Promise<void> => {
    services.events.end();
    await listeners.drain();
    await app.close();
  };
  const { publicUrl: address = "", localUrl, metricsUrl } = listeners;
  return { address, localUrl, metricsUrl, endListening };
}

/** The token of a new session. */
export async function logIn(url: string, email: string, password: string): Promise<string> {
  const credentials = Buffer.from(`${email}:${password}`).toString("base64");
  const response = await fetch(`${url}/api/management/v1/useradm/auth/login`, {
    method: "POST",
    headers: { authorization: `Basic ${credentials}` },
  });
  if (response.status !== 200) throw new Error(`login: ${response.status} ${await response.text()}`);
  return response.text();
}
