import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Connection } from "../client/connection.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";
import { readQuery } from "./read-query.ts";

const INVENTORY = "/api/management/v1/inventory";
const FILTERS = "/api/management/v2/inventory/filters";

const QUERIES = `
A query has conditions with spaces between them: site:antwerp, release:release-7, 'ram:>512', 'site:a*',
tags/owner:lab, group:beta, status:accepted. OR, -CONDITION and ( ) are known; a word alone is looked for
in serial numbers, MAC addresses and host names.
`;

interface DynamicGroup {
  readonly id: string;
  readonly name: string;
  readonly terms: readonly unknown[];
}

export function registerGroups(program: Command, io: CliIo): void {
  const groups = program.command("groups").description("groups of devices, for deployments");
  groups
    .command("list")
    .description("list the groups, and the dynamic groups")
    .addHelpText("after", examples("groups list"))
    .action(withServer(io, list));
  groups
    .command("show")
    .description("list the devices of a group, or those that a dynamic group has now")
    .argument("<group>", "name of the group")
    .addHelpText("after", examples("groups show beta"))
    .action(withServer(io, show));
  groups
    .command("count")
    .description("say how many devices a group has, or a dynamic group has now")
    .argument("<group>", "name of the group")
    .option("--exact", "count each device; else very many are estimated")
    .addHelpText("after", examples("groups count beta"))
    .action(withServer<{ exact?: true }>(io, count));
  groups
    .command("create")
    .description("make a dynamic group: the devices that match a query, whenever somebody asks")
    .argument("<group>", "name of the dynamic group")
    .requiredOption("--filter <query>", "which devices it has")
    .addHelpText(
      "after",
      `${QUERIES}${examples(
        "groups create old-boards --filter 'type:board-1 -release:release-7'",
        "groups create lab --filter 'tags/owner:lab OR site:antwerp-*'",
      )}`,
    )
    .action(withServer<{ filter: string }>(io, create));
  groups
    .command("delete")
    .description("delete a dynamic group; its devices stay")
    .argument("<group>", "name of the dynamic group")
    .addHelpText("after", examples("groups delete lab"))
    .action(withServer(io, remove));
  groups
    .command("add")
    .description("put devices into a group, which is made with its first device")
    .argument("<group>", "name of the group")
    .argument("<device...>", "ids of the devices")
    .addHelpText("after", examples("groups add beta DEVICE_ID"))
    .action(withServer(io, (context) => change(context, "PATCH")));
  groups
    .command("remove")
    .description("take devices out of a group, which ends with its last device")
    .argument("<group>", "name of the group")
    .argument("<device...>", "ids of the devices")
    .addHelpText("after", examples("groups remove beta DEVICE_ID"))
    .action(withServer(io, (context) => change(context, "DELETE")));
}

async function list(context: Context<object>): Promise<void> {
  const { connection } = context;
  const names = (await (await connection.call("GET", `${INVENTORY}/groups`)).json()) as string[];
  const dynamic = await pagesOf<DynamicGroup>(connection, FILTERS);
  const rows = [
    ...names.map((name) => ({ name, kind: "static", id: undefined })),
    ...dynamic.map(({ id, name, terms }) => ({ name, kind: "dynamic", id, terms })),
  ];
  printRows(context, rows, [
    { title: "group", value: ({ name }) => name },
    { title: "kind", value: ({ kind }) => kind },
    { title: "id", value: ({ id }) => id },
  ]);
}

async function show(context: Context<object>): Promise<void> {
  const [group = ""] = context.words;
  const { connection } = context;
  const dynamic = await findDynamic(connection, group);
  const ids =
    dynamic === undefined
      ? await pagesOf<string>(connection, `${INVENTORY}/groups/${encodeURIComponent(group)}/devices`)
      : (await pagesOf<{ id: string }>(connection, `${FILTERS}/${dynamic.id}/search`)).map(({ id }) => id);
  printRows(context, ids, [{ title: "device", value: (id) => id }]);
}

async function count(context: Context<{ exact?: true }>): Promise<void> {
  const [group = ""] = context.words;
  const { connection, options, io } = context;
  const dynamic = await findDynamic(connection, group);
  const found =
    dynamic === undefined
      ? { count: await sizeOfGroup(connection, group), exact: true }
      : ((await (
          await connection.call("GET", `${FILTERS}/${dynamic.id}/count`, {
            query: { exact: String(options.exact === true) },
          })
        ).json()) as { count: number; exact: boolean });
  io.out(options.json === true ? jsonLine(found) : `${found.exact ? "" : "about "}${found.count}`);
}

async function sizeOfGroup(connection: Connection, group: string): Promise<number> {
  const filters = [{ scope: "system", attribute: "group", type: "$eq", value: group }];
  const answer = await connection.call("POST", `${FILTERS}/search`, { body: { per_page: 1, filters } });
  return Number(answer.header("x-total-count") ?? 0);
}

async function create(context: Context<{ filter: string }>): Promise<void> {
  const { connection, words, options, io } = context;
  const [name = ""] = words;
  const terms = readQuery("--filter", options.filter);
  const answer = await connection.call("POST", FILTERS, { body: { name, terms } });
  const id = answer.header("location")?.split("/").at(-1) ?? "";
  io.out(options.json === true ? jsonLine({ id }) : id);
}

async function remove(context: Context<object>): Promise<void> {
  const [name = ""] = context.words;
  const dynamic = await findDynamic(context.connection, name);
  if (dynamic === undefined) throw new AgentError("OPTION_INVALID", { value: name, expected: "a dynamic group" });
  await context.connection.call("DELETE", `${FILTERS}/${dynamic.id}`);
  done(context, `${name} is deleted.`);
}

/** The dynamic group of this name. */
export async function findDynamic(connection: Connection, name: string): Promise<DynamicGroup | undefined> {
  const answer = await connection.call("GET", FILTERS, { query: { name } });
  return ((await answer.json()) as DynamicGroup[]).find((one) => one.name === name);
}

async function change(context: Context<object>, method: "PATCH" | "DELETE"): Promise<void> {
  const [group = "", ...devices] = context.words;
  const path = `${INVENTORY}/groups/${encodeURIComponent(group)}/devices`;
  const { updated_count: count } = (await (await context.connection.call(method, path, { body: devices })).json()) as {
    updated_count: number;
  };
  done(context, `${count} of ${devices.length} devices changed.`);
}
