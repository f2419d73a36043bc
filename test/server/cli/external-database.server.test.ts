import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltServer, type Running } from "../../support/server/built-server.ts";
import { command } from "../../support/server/command.ts";
import { ExternalPostgres } from "../../support/server/external-postgres.ts";
import { TestDevice } from "../../support/server/test-device.ts";
import { logIn } from "../../support/server/test-server.ts";

const PASSWORD = "correct horse battery";
let program: BuiltServer;
let database: ExternalPostgres;
let url: string;
let folder: string;
let running: Running;
let local: string;

beforeAll(async () => {
  [program, database] = await Promise.all([BuiltServer.build(), ExternalPostgres.make()]);
  folder = await mkdtemp(join(tmpdir(), "external-"));
  await chmod(folder, 0o711);
  await writeFile(join(folder, "password"), PASSWORD);
});
afterAll(async () => {
  running.child.kill("SIGKILL");
  await database.remove();
  await rm(folder, { recursive: true, force: true });
});

function begin(databaseUrl: string, ...more: readonly string[]): Running {
  const where = ["--data", join(folder, "data"), "--listen", "127.0.0.1:0", "--local-listen", "127.0.0.1:0"];
  const admin = ["--admin", "admin@example.com", "--admin-password-file", join(folder, "password")];
  return program.startWith({ SWITCHBACK_DATABASE: databaseUrl }, "start", ...where, ...admin, ...more);
}

const statusOf = async (path: string): Promise<number> => (await fetch(`${local}${path}`)).status;

test("the server waits for a database that is not there yet, and a signal ends the wait", async () => {
  url = database.url("ota", "ota");
  const waiting = begin(url);
  await expect.poll(waiting.heard).toMatch(/^The database cannot be reached yet, and .* waits for it: .*ECONNREFUSED/);
  waiting.child.kill("SIGTERM");
  expect((await waiting.ended).exitCode).toBe(0);

  running = begin(url);
  await expect.poll(running.heard).toContain("cannot be reached yet");
  await database.start(() => database.makeDatabase("ota"));
  local = await running.said(/This machine only: +(\S+)/);
  await running.said(/(is ready)/);
  await logIn(local, "admin@example.com", PASSWORD);
});

test("tenants and users are made by --database alone", async () => {
  const admin = ["--admin", "two@example.com", "--admin-password-file", join(folder, "password")];
  const where = ["--database", url];
  expect(await command("tenant", "add", "second", ...admin, ...where)).toMatchObject([
    0,
    expect.stringContaining('"second"'),
  ]);
  const user = ["user", "add", "three@example.com", "--tenant", "second", "--password-file", join(folder, "password")];
  expect((await command(...user, ...where))[0]).toBe(0);
  await logIn(local, "three@example.com", PASSWORD);
  const [, tenants] = await command("tenant", "list", "--json", ...where);
  expect(JSON.parse(tenants).map(({ name }: { name: string }) => name)).toEqual(["default", "second"]);
});

/** Method and path of every route, with ids that nobody has. */
async function routes(): Promise<
  readonly (readonly [method: string, path: string, kind: "device" | "user" | "none"])[]
> {
  const { paths } = (await (await fetch(`${local}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { security?: unknown }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => {
      const filled = path.replace(/\{\w+\}/g, "00000000-0000-4000-8000-000000000000");
      const kind = security === undefined ? "none" : path.startsWith("/api/devices/") ? "device" : "user";
      return [method.toUpperCase(), filled, kind] as const;
    }),
  );
}

test("while the database is away, every route says 503 with Retry-After, and it comes back by itself", async () => {
  const all = await routes();
  const user = await logIn(local, "admin@example.com", PASSWORD);
  const tenants = JSON.parse((await command("tenant", "list", "--json", "--database", url))[1]);
  const device = new TestDevice(local, "00:00:00:00:00:09", { tenantToken: tenants[0].tenant_token });
  await device.authenticate();
  const authorization = { authorization: `Bearer ${user}`, "content-type": "application/json" };
  const accept = await fetch(`${local}/api/management/v2/devauth/devices?status=pending`, { headers: authorization });
  const [
    {
      id,
      auth_sets: [set],
    },
  ] = (await accept.json()) as [{ id: string; auth_sets: [{ id: string }] }];
  const path = `${local}/api/management/v2/devauth/devices/${id}/auth/${set.id}/status`;
  const accepted = { method: "PUT", headers: authorization, body: JSON.stringify({ status: "accepted" }) };
  expect((await fetch(path, accepted)).status).toBe(204);
  expect((await device.authenticate()).status).toBe(200);

  await database.stop();
  await expect.poll(() => statusOf("/readyz")).toBe(503);
  const answers = await Promise.all(
    all
      .filter(([, , kind]) => kind !== "none")
      .map(async ([method, route, kind]) => {
        const headers = { authorization: `Bearer ${kind === "device" ? device.token : user}` };
        const answer = await fetch(`${local}${route}`, { method, headers });
        await answer.arrayBuffer();
        return [method, route, answer.status, Number(answer.headers.get("retry-after")) > 0] as const;
      }),
  );
  expect(answers.length).toBeGreaterThan(80);
  expect(answers.filter(([, , status, has]) => status !== 503 || !has)).toEqual([]);
  const auth = await device.authenticate();
  expect([auth.status, auth.headers.has("retry-after")]).toEqual([503, true]);
  await expect(logIn(local, "admin@example.com", PASSWORD)).rejects.toThrow("503");
  expect([await statusOf("/healthz"), await statusOf("/openapi.json")]).toEqual([200, 200]);

  await database.start();
  await expect.poll(() => statusOf("/readyz")).toBe(200);
  await logIn(local, "admin@example.com", PASSWORD);
  expect((await device.authenticate()).status).toBe(200);
});

for (const [title, databaseOf, reason] of [
  ["a wrong password", () => database.url("ota", "ota", "wrong"), /password authentication failed/],
  ["a database that is not there", () => database.url("ota", "nowhere"), /database "nowhere" does not exist/],
  ["a superuser", () => database.url("boss", "ota"), /the role boss is a superuser/],
  ["a role without the right to create", () => database.url("guest", "empty"), /the role guest may not create tables/],
] as const)
  test(`${title} is refused at once, by start and by commands`, async () => {
    if (title === "a superuser")
      await database.asSuperuser("CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'a long password'");
    if (title.startsWith("a role")) {
      await database.asSuperuser("CREATE ROLE guest LOGIN PASSWORD 'a long password'");
      await database.asSuperuser("CREATE DATABASE empty");
    }
    const { exitCode, err } = await begin(databaseOf()).ended;
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/^DATABASE_REFUSED: /)]);
    expect(err).toMatch(reason);
    expect(await command("tenant", "list", "--database", databaseOf())).toEqual([1, expect.stringMatching(reason)]);
  });
