import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import { type Detail, detailOption, deviceLines, isMenderCli, type MenderDevice } from "./mender-format.ts";
import { ago } from "./table.ts";

const DEVAUTH = "/api/management/v2/devauth/devices";
const STATUSES = ["pending", "accepted", "rejected", "preauthorized", "noauth"];

interface Device extends MenderDevice {
  readonly check_in_time?: string;
}

export function registerDevices(program: Command, io: CliIo): void {
  const devices = program.command("devices").description("devices: who asks to join the fleet, and who belongs to it");
  const listing = devices
    .command("list")
    .description("list devices")
    .addOption(new Option("--status <status>", "only devices with this status").choices(STATUSES))
    .option("--limit <number>", "list at most so many", "500")
    .addHelpText("after", examples("devices list --status pending", "devices list --json"))
    .action(withServer<ListOptions>(io, list));
  if (isMenderCli(program)) listing.addOption(detailOption()).option("-r, --raw", "print what the server answers");
  devices
    .command("show")
    .description("show a device, its keys and where it stands")
    .argument("<device>", "id of the device")
    .addHelpText("after", examples("devices show DEVICE_ID"))
    .action(withServer(io, show));
  devices
    .command("accept")
    .description("accept devices that wait")
    .argument("[device...]", "ids of the devices")
    .option("--all-pending", "accept all devices that wait now")
    .addHelpText("after", examples("devices accept DEVICE_ID", "devices accept --all-pending"))
    .action(withServer<{ allPending?: true }>(io, (context) => decide(context, "accepted")));
  devices
    .command("reject")
    .description("reject devices: they get nothing until you accept them")
    .argument("<device...>", "ids of the devices")
    .addHelpText("after", examples("devices reject DEVICE_ID"))
    .action(withServer(io, (context) => decide(context, "rejected")));
  devices
    .command("decommission")
    .description("remove devices for good, with their keys and their inventory")
    .argument("<device...>", "ids of the devices")
    .addHelpText("after", examples("devices decommission DEVICE_ID"))
    .action(withServer(io, decommission));
  devices
    .command("preauthorize")
    .description("accept a device before it asks for the first time")
    .requiredOption("--identity <json>", "identity data of the device, as JSON")
    .requiredOption("--key <file>", "public key of the device, in PEM")
    .addHelpText("after", examples(`devices preauthorize --identity '{"mac":"02:00:00:00:00:01"}' --key device.pub`))
    .action(withServer<{ identity: string; key: string }>(io, preauthorize));
}

interface ListOptions {
  readonly status?: string;
  readonly limit: string;
  readonly detail?: Detail;
  readonly raw?: true;
}

async function list(context: Context<ListOptions>): Promise<void> {
  const { status, limit, detail = 0, raw, json } = context.options;
  const rows = await pagesOf<Device>(context.connection, DEVAUTH, { status }, Number(limit));
  if (context.isMender && json !== true) {
    // There, mender-cli 1.9 prints it.
    if (raw === true) context.io.err(jsonLine(rows));
    else for (const row of rows) for (const line of deviceLines(row, detail)) context.io.out(line);
    return;
  }
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "status", value: (device) => device.status },
    { title: "identity", value: ({ identity_data: identity }) => identityText(identity) },
    { title: "seen", value: ({ check_in_time: seen }) => ago(seen, now) },
  ]);
}

async function show(context: Context<object>): Promise<void> {
  const [id] = context.words;
  const device = (await (await context.connection.call("GET", `${DEVAUTH}/${id}`)).json()) as Device;
  printOne(context, device, [
    { title: "id", value: (one) => one.id },
    { title: "status", value: ({ status }) => status },
    { title: "identity", value: ({ identity_data: identity }) => identityText(identity) },
    { title: "first seen", value: (one) => one.created_ts },
    { title: "last seen", value: (one) => one.check_in_time },
    { title: "keys", value: ({ auth_sets: sets }) => sets.map((set) => `${set.id} ${set.status}`).join(", ") },
  ]);
}

const identityText = (identity: Readonly<Record<string, unknown>>): string =>
  Object.entries(identity)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(" ");

/** Decides over the newest key of each device that can still be decided over. */
async function decide(context: Context<{ allPending?: true }>, status: "accepted" | "rejected"): Promise<void> {
  const { connection, options, words } = context;
  if (words.length === 0 && options.allPending !== true)
    throw new AgentError("OPTION_INVALID", { option: "device", expected: "ids of devices, or --all-pending" });
  const waiting = options.allPending === true ? await pagesOf<Device>(connection, DEVAUTH, { status: "pending" }) : [];
  const ids = [...words, ...waiting.map(({ id }) => id)];
  for (const id of ids) {
    const device = (await (await connection.call("GET", `${DEVAUTH}/${id}`)).json()) as Device;
    const set = device.auth_sets.find((one) => one.status === "pending") ?? device.auth_sets.at(-1);
    if (set === undefined) throw new AgentError("FLEET_REFUSED", { device: id, reason: "it has no key" });
    await connection.call("PUT", `${DEVAUTH}/${id}/auth/${set.id}/status`, { body: { status } });
    done(context, `${id} is ${status}.`);
  }
  if (ids.length === 0) done(context, "No device waits.");
}

async function decommission(context: Context<object>): Promise<void> {
  for (const id of context.words) {
    await context.connection.call("DELETE", `${DEVAUTH}/${id}`);
    done(context, `${id} is decommissioned.`);
  }
}

async function preauthorize(context: Context<{ identity: string; key: string }>): Promise<void> {
  const { identity, key } = context.options;
  const body = { identity_data: identityFrom(identity), pubkey: readKey(key) };
  const answer = await context.connection.call("POST", DEVAUTH, { body });
  context.io.out(answer.header("location")?.split("/").at(-1) ?? "");
}

function identityFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--identity", value: text, expected: "JSON" }, cause);
  }
}

function readKey(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--key", value: path }, cause);
  }
}
