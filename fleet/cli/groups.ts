import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";

const INVENTORY = "/api/management/v1/inventory";

export function registerGroups(program: Command, io: CliIo): void {
  const groups = program.command("groups").description("groups of devices, for deployments");
  groups
    .command("list")
    .description("list the groups")
    .addHelpText("after", examples("groups list"))
    .action(withServer(io, list));
  groups
    .command("show")
    .description("list the devices of a group")
    .argument("<group>", "name of the group")
    .addHelpText("after", examples("groups show beta"))
    .action(withServer(io, show));
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
  const names = (await (await context.connection.call("GET", `${INVENTORY}/groups`)).json()) as string[];
  printRows(context, names, [{ title: "group", value: (name) => name }]);
}

async function show(context: Context<object>): Promise<void> {
  const [group = ""] = context.words;
  const ids = await pagesOf<string>(context.connection, `${INVENTORY}/groups/${encodeURIComponent(group)}/devices`);
  printRows(context, ids, [{ title: "device", value: (id) => id }]);
}

async function change(context: Context<object>, method: "PATCH" | "DELETE"): Promise<void> {
  const [group = "", ...devices] = context.words;
  const path = `${INVENTORY}/groups/${encodeURIComponent(group)}/devices`;
  const { updated_count: count } = (await (await context.connection.call(method, path, { body: devices })).json()) as {
    updated_count: number;
  };
  done(context, `${count} of ${devices.length} devices changed.`);
}
