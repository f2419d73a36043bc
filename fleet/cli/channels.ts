import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import { findDynamic } from "./groups.ts";
import { readPlan } from "./read-plan.ts";

const BASE = "/api/management/v1/deployments";
const CONTINUOUS = `${BASE}/continuous`;

interface Channel {
  readonly name: string;
  readonly description: string;
  readonly after?: string;
  readonly keys?: readonly string[];
  readonly approvals: number;
  readonly release?: string;
  readonly released?: string;
}

interface Promotion {
  readonly id: string;
  readonly release: string;
  readonly state: string;
  readonly by: { readonly email: string };
  readonly approved: readonly { readonly email: string }[];
  readonly created: string;
}

interface Key {
  readonly name: string;
  readonly algorithm: string;
  readonly fingerprint: string;
}

interface Follower {
  readonly id: string;
  readonly name: string;
  readonly channel: string;
  readonly deployment?: string;
}

interface FollowOptions {
  readonly filter: string;
  readonly name?: string;
  readonly plan?: string;
}

interface PolicyOptions {
  readonly after?: string;
  readonly key?: readonly string[];
  readonly signed?: true;
  readonly approvals?: number;
  readonly description?: string;
}

export function registerChannels(program: Command, io: CliIo): void {
  const channels = program.command("channels").description("channels of releases: which release is for whom");
  channels
    .command("list")
    .description("list the channels with the release that each has")
    .addHelpText("after", examples("channels list"))
    .action(withServer(io, list));
  channels
    .command("set")
    .description("make a channel, or replace its policy")
    .argument("<channel>", "name of the channel")
    .option("--after <channel>", "take only releases that were in this channel")
    .option("--key <name...>", "take only releases that one of these keys has signed")
    .option("--signed", "take only releases that a known key has signed")
    .option("--approvals <number>", "how many people other than the promoter must approve", number)
    .option("--description <text>", "what the channel is for")
    .addHelpText(
      "after",
      examples("channels set beta --description 'the testers'", "channels set stable --after beta --approvals 1"),
    )
    .action(withServer<PolicyOptions>(io, set));
  channels
    .command("promote")
    .description("bring a release into a channel, at once or when it is approved")
    .argument("<channel>", "name of the channel")
    .argument("<release>", "name of the release")
    .option("--note <text>", "why")
    .addHelpText("after", examples("channels promote beta release-7"))
    .action(withServer<{ note?: string }>(io, promote));
  channels
    .command("history")
    .description("list what was brought into a channel, the newest first")
    .argument("<channel>", "name of the channel")
    .addHelpText("after", examples("channels history beta"))
    .action(withServer(io, history));
  for (const decision of ["approve", "reject"] as const)
    channels
      .command(decision)
      .description(`${decision} the release that waits for a channel`)
      .argument("<channel>", "name of the channel")
      .addHelpText("after", examples(`channels ${decision} stable`))
      .action(withServer(io, (context) => decide(context, decision)));
  channels
    .command("follow")
    .description("give the devices of a dynamic group what a channel has, now and after each promotion")
    .argument("<channel>", "name of the channel")
    .requiredOption("--filter <name>", "the dynamic group")
    .option("--name <name>", "name of the continuous deployment; default: that of the dynamic group")
    .option("--plan <file>", "JSON file with waves and limits for each release")
    .addHelpText("after", examples("channels follow beta --filter old-boards"))
    .action(withServer<FollowOptions>(io, follow));
  channels
    .command("unfollow")
    .description("end a continuous deployment, and the deployment that it has now")
    .argument("<name>", "name of the continuous deployment")
    .addHelpText("after", examples("channels unfollow old-boards"))
    .action(withServer(io, unfollow));
  channels
    .command("followers")
    .description("list the continuous deployments")
    .addHelpText("after", examples("channels followers"))
    .action(withServer(io, followers));
  channels
    .command("delete")
    .description("delete a channel; its release stays")
    .argument("<channel>", "name of the channel")
    .addHelpText("after", examples("channels delete stable"))
    .action(withServer(io, remove));
}

export function registerKeys(program: Command, io: CliIo): void {
  const keys = program.command("keys").description("public keys that sign Artifacts");
  keys
    .command("list")
    .description("list the keys")
    .addHelpText("after", examples("keys list"))
    .action(withServer(io, listKeys));
  keys
    .command("add")
    .description("upload a public key, so that the server says which Artifacts it has signed")
    .argument("<key>", "name of the key")
    .argument("<file>", "public key in PEM form")
    .addHelpText("after", examples("keys add release-key signing.pub"))
    .action(withServer(io, addKey));
  keys
    .command("remove")
    .description("remove a key that no channel names")
    .argument("<key>", "name of the key")
    .addHelpText("after", examples("keys remove release-key"))
    .action(withServer(io, removeKey));
}

function number(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

const pathOf = (channel: string): string => `${BASE}/channels/${encodeURIComponent(channel)}`;

const signatures = ({ keys }: Channel): string =>
  keys === undefined ? "any" : keys.length === 0 ? "any known key" : keys.join(" ");

async function list(context: Context<object>): Promise<void> {
  const channels = (await (await context.connection.call("GET", `${BASE}/channels`)).json()) as Channel[];
  printRows(context, channels, [
    { title: "channel", value: ({ name }) => name },
    { title: "release", value: ({ release }) => release },
    { title: "after", value: ({ after }) => after },
    { title: "signature", value: signatures },
    { title: "approvals", value: ({ approvals }) => approvals, right: true },
  ]);
}

async function set(context: Context<PolicyOptions>): Promise<void> {
  const [channel = ""] = context.words;
  const { after, key, signed, approvals, description } = context.options;
  const keys = key ?? (signed === true ? [] : undefined);
  await context.connection.call("PUT", pathOf(channel), { body: { after, keys, approvals, description } });
  done(context, `The policy of ${channel} is set.`);
}

async function promote(context: Context<{ note?: string }>): Promise<void> {
  const [channel = "", release = ""] = context.words;
  const body = { release, note: context.options.note };
  const answer = await context.connection.call("POST", `${pathOf(channel)}/promotions`, { body });
  printPromotion(context, (await answer.json()) as Promotion);
}

function printPromotion(context: Context<object>, promotion: Promotion): void {
  printOne(context, promotion, [
    { title: "id", value: ({ id }) => id },
    { title: "release", value: ({ release }) => release },
    { title: "state", value: ({ state }) => state },
    { title: "approved by", value: ({ approved }) => approved.map(({ email }) => email).join(" ") },
  ]);
}

async function history(context: Context<object>): Promise<void> {
  const [channel = ""] = context.words;
  const rows = await pagesOf<Promotion>(context.connection, `${pathOf(channel)}/promotions`);
  printRows(context, rows, [
    { title: "release", value: ({ release }) => release },
    { title: "state", value: ({ state }) => state },
    { title: "by", value: ({ by }) => by.email },
    { title: "approved by", value: ({ approved }) => approved.map(({ email }) => email).join(" ") },
    { title: "created", value: ({ created }) => created },
  ]);
}

async function decide(context: Context<object>, decision: "approve" | "reject"): Promise<void> {
  const [channel = ""] = context.words;
  const { connection } = context;
  const rows = await pagesOf<Promotion>(connection, `${pathOf(channel)}/promotions`);
  const waiting = rows.find(({ state }) => state === "waiting");
  if (waiting === undefined)
    throw new AgentError("OPTION_INVALID", { value: channel, reason: "no release waits for this channel" });
  const answer = await connection.call("POST", `${pathOf(channel)}/promotions/${waiting.id}/decision`, {
    body: { decision },
  });
  printPromotion(context, (await answer.json()) as Promotion);
}

async function follow(context: Context<FollowOptions>): Promise<void> {
  const [channel = ""] = context.words;
  const { filter, name = filter, plan } = context.options;
  const dynamic = await findDynamic(context.connection, filter);
  if (dynamic === undefined)
    throw new AgentError("OPTION_INVALID", { option: "--filter", value: filter, expected: "a dynamic group" });
  const body = { name, channel, filter_id: dynamic.id, ...(plan !== undefined && { rollout: readPlan(plan) }) };
  await context.connection.call("POST", CONTINUOUS, { body });
  done(context, `${filter} follows ${channel}.`);
}

const followersOf = async ({ connection }: Context<object>): Promise<readonly Follower[]> =>
  (await (await connection.call("GET", CONTINUOUS)).json()) as Follower[];

async function unfollow(context: Context<object>): Promise<void> {
  const [name = ""] = context.words;
  const found = (await followersOf(context)).find((one) => one.name === name);
  if (found === undefined)
    throw new AgentError("OPTION_INVALID", { value: name, expected: "the name of a continuous deployment" });
  await context.connection.call("DELETE", `${CONTINUOUS}/${found.id}`);
  done(context, `${name} is ended.`);
}

async function followers(context: Context<object>): Promise<void> {
  printRows(context, await followersOf(context), [
    { title: "name", value: ({ name }) => name },
    { title: "channel", value: ({ channel }) => channel },
    { title: "deployment", value: ({ deployment }) => deployment },
  ]);
}

async function remove(context: Context<object>): Promise<void> {
  const [channel = ""] = context.words;
  await context.connection.call("DELETE", pathOf(channel));
  done(context, `${channel} is deleted.`);
}

async function listKeys(context: Context<object>): Promise<void> {
  const keys = (await (await context.connection.call("GET", `${BASE}/signing-keys`)).json()) as Key[];
  printRows(context, keys, [
    { title: "key", value: ({ name }) => name },
    { title: "algorithm", value: ({ algorithm }) => algorithm },
    { title: "fingerprint", value: ({ fingerprint }) => fingerprint },
  ]);
}

async function addKey(context: Context<object>): Promise<void> {
  const [name = "", file = ""] = context.words;
  const body = { name, pem: readKey(file) };
  const answer = await context.connection.call("POST", `${BASE}/signing-keys`, { body });
  const { artifacts } = (await answer.json()) as { artifacts: number };
  done(context, `${name} is added. It has signed ${artifacts} of the Artifacts that are there.`);
}

function readKey(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { argument: "file", value: file }, cause);
  }
}

async function removeKey(context: Context<object>): Promise<void> {
  const [name = ""] = context.words;
  await context.connection.call("DELETE", `${BASE}/signing-keys/${encodeURIComponent(name)}`);
  done(context, `${name} is removed.`);
}
