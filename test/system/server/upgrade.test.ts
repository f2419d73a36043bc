import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltServer, type Running } from "../../support/server/built-server.ts";
import { ExternalPostgres } from "../../support/server/external-postgres.ts";
import { TestDevice } from "../../support/server/test-device.ts";
import { logIn } from "../../support/server/test-server.ts";

const PASSWORD = "correct horse battery";
const ADDED = "-- oldest: 1\nALTER TABLE tenants ADD COLUMN colour text NOT NULL DEFAULT 'blue';\n";
const NARROWED = "-- oldest: 2\nALTER TABLE tenants ADD COLUMN shape text;\n";
const BROKEN = "-- oldest: 3\nALTER TABLE tenants ADD COLUMN half text;\nSELECT 1 / 0;\n";

let folder: string;
let database: ExternalPostgres;
let url: string;
let old: BuiltServer;
const running: Running[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upgrade-"));
  await writeFile(join(folder, "password"), PASSWORD);
  database = await ExternalPostgres.make();
  await database.start();
  url = await database.makeDatabase("ota");
  old = await BuiltServer.build();
});
afterAll(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGKILL");
    await ended;
  }
  await database?.remove();
  await rm(folder, { recursive: true });
});

/** A later version of the program: the same code with more migrations. */
async function later(name: string, migrations: Readonly<Record<string, string>>): Promise<BuiltServer> {
  const place = join(folder, name);
  await cp(dirname(old.path), place, { recursive: true });
  for (const [file, text] of Object.entries(migrations))
    await writeFile(join(place, "migrations", `${file}.sql`), text);
  return BuiltServer.at(place);
}

function begin(program: BuiltServer): Running {
  const where = ["--database", url, "--data", join(folder, "data"), "--storage", join(folder, "objects")];
  const admin = ["--admin", "admin@example.com", "--admin-password-file", join(folder, "password")];
  const listen = ["--listen", "127.0.0.1:0", "--local-listen", "127.0.0.1:0", "--tls", "off"];
  const process = program.start("start", ...where, ...admin, ...listen);
  running.push(process);
  return process;
}

const addressOf = (process: Running): Promise<string> => process.said(/This machine only: +(\S+)/);

const state = async (program: BuiltServer) => {
  const { out } = await program.start("status", "--json", "--database", url).ended;
  return JSON.parse(out) as { database: { schema: number } };
};

async function serves(address: string, mac: string): Promise<void> {
  const token = await logIn(address, "admin@example.com", PASSWORD);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const device = new TestDevice(address, mac);
  expect((await device.authenticate()).status).toBe(401);
  const found = await fetch(`${address}/api/management/v2/devauth/devices?status=pending`, { headers });
  const [{ id, auth_sets: sets }] = (await found.json()) as [{ id: string; auth_sets: { id: string }[] }];
  const path = `/api/management/v2/devauth/devices/${id}/auth/${sets[0]?.id}/status`;
  const accepted = JSON.stringify({ status: "accepted" });
  expect((await fetch(address + path, { method: "PUT", headers, body: accepted })).status).toBe(204);
  expect((await device.authenticate()).status).toBe(200);
  expect((await device.next({ artifact_name: "r0", device_type: "board" })).status).toBe(204);
}

test("a version and the one before it run side by side, and an older one is refused in one line", async () => {
  const first = begin(old);
  const oldAddress = await addressOf(first);
  await serves(oldAddress, "aa:01");

  const second = await later("second", { "0002-added": ADDED });
  const [one, other] = [begin(second), begin(second)];
  const newAddress = await addressOf(one);
  await addressOf(other);
  await serves(newAddress, "aa:02");
  await serves(oldAddress, "aa:03");
  // Also after a crash, the old version comes up again.
  first.child.kill("SIGKILL");
  await first.ended;
  await serves(await addressOf(begin(old)), "aa:04");

  const third = await later("third", { "0002-added": ADDED, "0003-narrowed": NARROWED });
  expect(await third.start("migrate", "--database", url).ended).toMatchObject({ exitCode: 0 });
  await serves(newAddress, "aa:05");
  await serves(await addressOf(begin(second)), "aa:06");
  const refused = await begin(old).ended;
  expect(refused.exitCode).toBe(1);
  expect(refused.out).toBe("");
  expect(refused.err).toMatch(/^DATABASE_NEWER: [^\n]*database: 3[^\n]*program: 1[^\n]*\n$/);

  const fourth = await later("fourth", { "0002-added": ADDED, "0003-narrowed": NARROWED, "0004-broken": BROKEN });
  const failed = await fourth.start("migrate", "--database", url).ended;
  expect(failed.exitCode).toBe(1);
  expect(await state(third)).toMatchObject({ database: { schema: 3 } });
  await serves(newAddress, "aa:07");
});
