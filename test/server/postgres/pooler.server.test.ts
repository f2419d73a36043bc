import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { checkDatabase, refuseUnfit } from "../../../server/adapters/postgres/fitness.ts";
import { listenForNotices } from "../../../server/adapters/postgres/notifications.ts";
import { connectPostgres, type Session } from "../../../server/adapters/postgres/postgres.ts";
import { ExternalPostgres } from "../../support/server/external-postgres.ts";
import { freePort } from "../../support/server/free-port.ts";

let database: ExternalPostgres;
let folder: string;
let direct: URL;
let pooler: ChildProcess | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pooler-"));
  await chmod(folder, 0o755);
  database = await ExternalPostgres.make();
  await database.start();
  direct = new URL(await database.makeDatabase("ota"));
});
afterEach(async () => {
  if (pooler === undefined) return;
  const ended = once(pooler, "exit");
  pooler.kill("SIGKILL");
  await ended;
  pooler = undefined;
});
afterAll(async () => {
  await database.remove();
  await rm(folder, { recursive: true });
});

/** Debian's PgBouncer in front of the database. @returns the URL of the database through it */
async function pool(mode: string, ...more: readonly string[]): Promise<string> {
  const port = await freePort();
  const { port: behind, username, password } = direct;
  const file = join(folder, "pgbouncer.ini");
  const text = [
    "[databases]",
    `ota = host=127.0.0.1 port=${behind} user=${username} password='${decodeURIComponent(password)}'`,
    "[pgbouncer]",
    ...["listen_addr = 127.0.0.1", `listen_port = ${port}`, "unix_socket_dir =", "auth_type = any"],
    ...[`pool_mode = ${mode}`, ...more],
  ];
  await writeFile(file, `${text.join("\n")}\n`);
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  pooler = spawn("/usr/sbin/pgbouncer", [...user, file], { stdio: "ignore" });
  const isUp = async (): Promise<boolean> => {
    const socket = connect(port, "127.0.0.1");
    const found = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    return found;
  };
  await expect.poll(isUp, { timeout: 10_000 }).toBe(true);
  return `postgresql://ota@127.0.0.1:${port}/ota`;
}

const IGNORING = "ignore_startup_parameters = options";

test("a pooler in session mode works, also for notices", async () => {
  const url = await pool("session", IGNORING);
  await checkDatabase(url);
  const notices = listenForNotices(url, pino({ level: "silent" }));
  const heard: unknown[] = [];
  notices.subscribe((notice) => heard.push(notice));
  await expect.poll(() => notices.arrive()).toBe(true);
  const postgres = connectPostgres({ url });
  const notice = { tenant: "t", what: "device" };
  await postgres.shared((session) => session.raw("SELECT pg_notify('switchback', $1)", [JSON.stringify(notice)]));
  await expect.poll(() => heard).toContainEqual(notice);
  await postgres.close();
  await notices.close();
});

for (const [title, mode, ...more] of [
  ["transaction mode", "transaction", IGNORING],
  ["transaction mode with connections in turn", "transaction", IGNORING, "server_round_robin = 1", "min_pool_size = 3"],
  ["statement mode", "statement", IGNORING],
] as const)
  test(`a pooler in ${title} is refused`, async () => {
    const reason = "a pooler in between does not work in session mode";
    const refusal = { code: "DATABASE_REFUSED", detail: { reason } };
    await expect(checkDatabase(await pool(mode, ...more))).rejects.toMatchObject(refusal);
  });

test("a pooler that refuses the options of a connection is not waited for", async () => {
  const url = await pool("session");
  const postgres = connectPostgres({ url });
  const asked = postgres.shared((session) => session.raw("SELECT 1"));
  await expect(asked).rejects.toMatchObject({ code: "DATABASE_REFUSED", detail: { reason: /options/ } });
  await postgres.close();
});

test("PostgreSQL 14 is refused", async () => {
  const facts = { version: 140_011, shown: "14.11", role: "ota", sees_all: false, may_create: true, has_schema: false };
  const asking = (answer: object) => ({
    shared: <T>(work: (session: Session) => Promise<T>) => work({ raw: async () => [answer] } as never),
  });
  const reason = "it is PostgreSQL 14.11, and 15 or newer is needed";
  await expect(refuseUnfit(asking(facts))).rejects.toMatchObject({ code: "DATABASE_REFUSED", detail: { reason } });
  await refuseUnfit(asking({ ...facts, version: 150_000 }));
});
