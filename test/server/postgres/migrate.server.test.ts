import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Migration, migrate } from "../../../server/adapters/postgres/migrate.ts";
import { connectPostgres, type Postgres } from "../../../server/adapters/postgres/postgres.ts";

let nodes: readonly Postgres[];
beforeAll(async () => {
  const host = inject("postgresFolder");
  const name = `migrate_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client(`postgresql://switchback@/postgres?host=${host}`);
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  await client.end();
  nodes = [1, 2, 3].map(() =>
    connectPostgres({ url: `postgresql://switchback@/${name}?host=${host}`, connections: 1 }),
  );
});
afterAll(() => Promise.all(nodes.map((node) => node.close())));

const first: Migration = {
  number: 1,
  name: "0001-first",
  text: "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)",
  oldest: 1,
};
const second: Migration = { number: 2, name: "0002-second", text: "INSERT INTO kept VALUES (2)", oldest: 2 };
const broken: Migration = {
  ...{ number: 3, name: "0003-broken", oldest: 2 },
  text: "INSERT INTO kept VALUES (3); SELECT 1 / 0",
};

const rows = (): Promise<unknown> =>
  (nodes[0] as Postgres).shared((session) => session.raw("SELECT n FROM kept ORDER BY n"));

test("processes that migrate at the same time run each migration once", async () => {
  const ran = await Promise.all(nodes.map((node) => migrate(node, [first, second])));
  expect(ran.flat().toSorted()).toEqual(["0001-first", "0002-second"]);
  expect(await rows()).toEqual([{ n: 1 }, { n: 2 }]);
});

test("a migration that fails leaves nothing", async () => {
  await expect(migrate(nodes[0] as Postgres, [first, second, broken])).rejects.toThrow("division by zero");
  expect(await rows()).toEqual([{ n: 1 }, { n: 2 }]);
});

test("a program that is older than what the newest migration works with is refused", async () => {
  await expect(migrate(nodes[1] as Postgres, [first])).rejects.toMatchObject({
    code: "DATABASE_NEWER",
    detail: { database: 2, program: 1 },
  });
});
