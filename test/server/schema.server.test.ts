import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** How a column of each type of PostgreSQL is written in tables.ts. */
const TYPES: Readonly<Record<string, RegExp>> = {
  uuid: /string/,
  text: /string|"|Status|State/,
  integer: /number/,
  bigint: /number/,
  smallint: /number/,
  "double precision": /number/,
  boolean: /boolean/,
  bytea: /Buffer/,
  jsonb: /Json/,
  ARRAY: /string\[\]/,
  "timestamp with time zone": /Date|Stamp/,
};

interface Column {
  readonly table_name: string;
  readonly column_name: string;
  readonly data_type: string;
  readonly is_nullable: "YES" | "NO";
  readonly has_default: boolean;
}

test("tables.ts has the columns of the database, with their types", async () => {
  const parts = ["tables", "failure-tables", "more-tables", "group-tables", "people-tables", "webhook-tables"].map(
    (name) => readFile(new URL(`../../server/adapters/postgres/${name}.ts`, import.meta.url), "utf8"),
  );
  const source = (await Promise.all(parts)).join("\n");
  const columns = await server.server.services.postgres.shared((session) =>
    session.raw<Column & Record<string, unknown>>(
      `SELECT table_name, column_name, data_type, is_nullable,
        column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS' AS has_default
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'migrations' ORDER BY 1, 2`,
    ),
  );
  const described = readTables(source);
  expect([...described.keys()].toSorted()).toEqual([...new Set(columns.map(({ table_name }) => table_name))]);
  const problems = columns.flatMap(({ table_name, column_name, data_type, is_nullable, has_default }) => {
    const type = described.get(table_name)?.get(column_name);
    if (type === undefined) return [`${table_name}.${column_name} is missing`];
    const isNullable = /\| null/.test(type);
    const hasDefault = /Generated|Default|Stamp|undefined|ColumnType/.test(type);
    return [
      ...(TYPES[data_type]?.test(type) === true ? [] : [`${table_name}.${column_name} is ${data_type}, not ${type}`]),
      ...(isNullable === (is_nullable === "YES") ? [] : [`${table_name}.${column_name}: nullable is ${is_nullable}`]),
      ...(is_nullable === "YES" || hasDefault === has_default
        ? []
        : [`${table_name}.${column_name}: has a default: ${has_default}`]),
    ];
  });
  expect(problems).toEqual([]);
  for (const [table, members] of described) {
    const present = columns.filter(({ table_name }) => table_name === table).map(({ column_name }) => column_name);
    expect([...members.keys()].toSorted(), table).toEqual(present.toSorted());
  }
});

/** Table, then column, then its type as it is written. */
function readTables(source: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const members = (text: string): ReadonlyMap<string, string> =>
    new Map(
      [...text.replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, "").matchAll(/(\w+): ([^;]+?)\s*(?:;|$)/g)].map(
        ([, name = "", type = ""]) => [name, type],
      ),
    );
  const interfaces = new Map(
    [...source.matchAll(/^(?:export )?interface (\w+) \{\n(.*?)^\}/gms)].map(([, name = "", text = ""]) => [
      name,
      text,
    ]),
  );
  const tables = interfaces.get("Tables") ?? "";
  return new Map(
    [...tables.matchAll(/^ {2}(\w+): (?:(\w+);|\{(.*?)\};)/gms)].map(([, name = "", reference, inline = ""]) => [
      name,
      members(reference === undefined ? inline : (interfaces.get(reference) ?? "")),
    ]),
  );
}
