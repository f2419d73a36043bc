import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { writeAudit } from "../../server/adapters/postgres/audit.ts";
import { type CollectorAddress, createCollector } from "../../server/adapters/syslog/collector.ts";
import { composeServer } from "../../server/compose.ts";
import { anchorsIn } from "../../server/domain/audit/anchors.ts";
import { syslogMessage } from "../../server/domain/audit/syslog.ts";
import { streamAudit } from "../../server/jobs/stream-audit.ts";
import { query } from "../support/server/seed.ts";
import { type SyslogCollector, startCollector } from "../support/server/syslog-collector.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function collector(options?: Parameters<typeof startCollector>[0]): Promise<SyslogCollector> {
  const started = await startCollector(options);
  ends.push(() => started.close());
  return started;
}

const addressOf = ({ port, cert }: SyslogCollector, isTls = false): CollectorAddress => ({
  ...{ host: "127.0.0.1", port, isTls, ca: isTls ? [cert] : undefined },
});

async function serverFor(syslog?: CollectorAddress): Promise<TestServer> {
  const server = await startTestServer(syslog === undefined ? {} : { syslog });
  ends.push(() => server.close());
  return server;
}

async function append({ server, tenant }: TestServer, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    const object = { type: "test", id: String(n) };
    const entry = { actor: { type: "test", id: "x" }, origin: {}, action: "x", object };
    await server.services.postgres.inTenant(tenant.id, (session) => writeAudit(session, tenant.id, entry));
  }
}

interface Sent {
  readonly seq: number;
  readonly action: string;
  readonly anchor: string;
  readonly object: { readonly id: string };
}
const bodyOf = (message: string): Sent => JSON.parse(message.slice(message.indexOf("{"))) as Sent;
const numbers = ({ messages }: SyslogCollector): number[] => messages.map((message) => bodyOf(message).seq);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);
const last = async (server: TestServer): Promise<number> =>
  (await query<{ n: number }>(server, "SELECT max(seq) AS n FROM audit"))[0]?.n ?? 0;
const hurry = (server: TestServer) => query(server, "UPDATE audit_streams SET due_at = now(), claimed_until = NULL");
const position = async (server: TestServer): Promise<unknown> =>
  (await query<{ seq: number; failures: number }>(server, "SELECT seq, failures FROM audit_streams"))[0];

test("records arrive in order as messages of RFC 5424, each once, with the anchor of the audit log", async () => {
  const there = await collector();
  const server = await serverFor(addressOf(there));
  await server.request("POST", "/api/management/v1/useradm/users", {
    ...{ email: "a@example.com", password: "a long enough one" },
  });
  await append(server, 1, 30);
  const end = await last(server);
  await expect.poll(() => numbers(there)).toEqual(upTo(end));
  await expect.poll(() => position(server)).toEqual({ seq: end, failures: 0 });
  for (const message of there.messages)
    expect(message).toMatch(
      /^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]+ switchback-server - audit \[origin software="switchback-server" swVersion="[\w.-]+"\] \{"tenant":[ -~]*\}$/,
    );
  const created = there.messages.map(bodyOf).find(({ action }) => action === "create");
  expect(created?.object).toMatchObject({ type: "user", email: "a@example.com" });
  const anchors = there.messages.flatMap((message) => anchorsIn(message));
  const stored = await query<{ seq: number; hash: Buffer }>(server, "SELECT seq, hash FROM audit ORDER BY seq");
  expect(anchors.map(({ seq, hash }) => [seq, hash])).toEqual(
    stored.map(({ seq, hash }) => [seq, hash.toString("hex")]),
  );
});

test("a collector that was away gets all that it has missed, without a restart of the server", async () => {
  const first = await startCollector();
  const server = await serverFor(addressOf(first));
  await append(server, 1, 3);
  const before = await last(server);
  await expect.poll(() => numbers(first)).toEqual(upTo(before));
  await expect.poll(() => position(server)).toEqual({ seq: before, failures: 0 });
  await first.close();
  await append(server, 4, 10);
  await expect.poll(() => position(server)).toMatchObject({ seq: before, failures: expect.any(Number) });
  await expect.poll(async () => ((await position(server)) as { failures: number }).failures).toBeGreaterThan(0);
  const back = await collector({ port: first.port });
  await hurry(server);
  const end = await last(server);
  await expect.poll(() => numbers(back)).toEqual(upTo(end).slice(before));
  await expect.poll(() => position(server)).toEqual({ seq: end, failures: 0 });
});

test("records that a collector has taken and not read are sent again", async () => {
  const there = await collector();
  const server = await serverFor();
  await append(server, 1, 20);
  const end = await last(server);
  const { postgres } = server.server.services;

  const log = pino({ level: "silent" });
  const fast = { timeoutMs: 1500, settleMs: 50 };
  const stream = { collector: createCollector(addressOf(there), fast), destination: "x", host: "h", version: "1" };
  const turn = async (): Promise<unknown> => {
    await hurry(server);
    await streamAudit(postgres, stream, log);
    return position(server);
  };
  // It dies at once, resets after some bytes, closes without having read, never closes, and hangs with a full buffer.
  for (const [title, behave] of [
    ["closes at once", (socket) => void socket.end()],
    ["resets", (socket) => void socket.once("data", () => socket.resetAndDestroy()).resume()],
    ["does not read, and dies", (socket) => void setTimeout(() => socket.destroy(), 300)],
    ["hangs", () => undefined],
  ] as const satisfies readonly (readonly [string, SyslogCollector["behave"]])[]) {
    there.behave = behave;
    expect(await turn(), title).toMatchObject({ seq: 0 });
  }
  there.behave = undefined;
  expect(await turn()).toEqual({ seq: end, failures: 0 });
  expect(numbers(there)).toEqual(upTo(end));
});

test("a process goes on where the one before ended, and two at once send nothing twice", async () => {
  const there = await collector();
  const server = await serverFor(addressOf(there));
  await append(server, 1, 5);
  const before = await last(server);
  await expect.poll(() => position(server)).toEqual({ seq: before, failures: 0 });
  const options = {
    ...{ databaseUrl: server.databaseUrl, storage: { kind: "folder", folder: server.storage } as const },
    ...{ log: pino({ level: "silent" }), syslog: addressOf(there) },
  };
  const second = await composeServer(options);
  await append(server, 6, 25);
  const end = await last(server);
  await expect.poll(() => position(server)).toEqual({ seq: end, failures: 0 });
  await second.close();
  expect(numbers(there)).toEqual(upTo(end));
});

test("more records than one connection carries arrive in order", async () => {
  const server = await serverFor();
  await append(server, 1, 620);
  const there = await collector();
  const end = await last(server);
  const second = await composeServer({
    ...{ databaseUrl: server.databaseUrl, storage: { kind: "folder", folder: server.storage } },
    ...{ log: pino({ level: "silent" }), syslog: addressOf(there) },
  });
  ends.push(() => second.close());
  await expect.poll(() => numbers(there).length).toBe(end);
  expect(numbers(there)).toEqual(upTo(end));
  expect(there.connections()).toBe(2);
});

test("with TLS, records arrive at a collector whose certificate is trusted, and at no other one", async () => {
  const there = await collector({ isTls: true });
  const server = await serverFor(addressOf(there, true));
  await append(server, 1, 3);
  const end = await last(server);
  await expect.poll(() => numbers(there)).toEqual(upTo(end));
  await expect.poll(() => position(server)).toEqual({ seq: end, failures: 0 });
  const strange = createCollector({ ...addressOf(there, true), ca: undefined });
  await expect(strange.send(["x"])).rejects.toThrow(/self.signed/);
  const plain = await collector();
  await expect(createCollector(addressOf(plain, true), { timeoutMs: 3000 }).send(["x"])).rejects.toThrow();
  expect(plain.messages).toEqual([]);
});

const RECORD = {
  ...{ tenant: "00000000-0000-4000-8000-000000000000", seq: 7, at: new Date(0), hash: Buffer.alloc(32) },
  ...{ actor: { type: "user", id: "1" }, origin: {}, action: "login_failed", object: { type: "user", id: "1" } },
  ...{ change: "Zürich\n<109>1 - forged", difference: {}, requestId: null },
};

test("a failed login is a warning, and no text can begin a message of its own", () => {
  const message = syslogMessage(RECORD, { host: "a b\n", version: '1"]' });
  expect(message).toMatch(
    /^<108>1 1970-01-01T00:00:00\.000Z ab switchback-server - audit \[origin [^\]]*swVersion="1"\] /,
  );
  expect(message).toMatch(/^[ -~]+$/);
  expect(bodyOf(message)).toMatchObject({ change: RECORD.change, difference: {} });
});

test("a record that is too long for collectors comes without its difference, and says so", () => {
  const difference = { notes: { before: "x".repeat(5000), after: "y".repeat(5000) } };
  const message = syslogMessage({ ...RECORD, difference }, { host: "h", version: "1" });
  expect(message.length).toBeLessThan(2000);
  expect(bodyOf(message)).toMatchObject({ seq: 7, difference_omitted: true });
});
