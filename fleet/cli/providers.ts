import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Provider, SignInRules } from "../../src/protocol/api/sign-in.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";

const USERADM = "/api/management/v1/useradm";
const METADATA = `${USERADM}/sso/idp/metadata`;

export function registerProviders(program: Command, io: CliIo): void {
  const providers = program.command("providers").description("identity providers by which people sign in");
  providers
    .command("list")
    .description("list the identity providers")
    .addHelpText("after", examples("providers list"))
    .action(withServer(io, list));
  providers
    .command("show")
    .description("show an identity provider: where people begin, and the address that the provider must know")
    .argument("<provider>", "id of the provider")
    .addHelpText("after", examples("providers show PROVIDER_ID"))
    .action(withServer(io, show));
  providers
    .command("add")
    .description("add an identity provider")
    .argument("<file>", "JSON file with its name and settings")
    .addHelpText("after", examples("providers add provider.json"))
    .action(withServer(io, add));
  providers
    .command("set")
    .description("replace what is set for an identity provider; without a secret, the one that is there stays")
    .argument("<provider>", "id of the provider")
    .argument("<file>", "JSON file with its name and settings")
    .addHelpText("after", examples("providers set PROVIDER_ID provider.json"))
    .action(withServer(io, set));
  providers
    .command("remove")
    .description("remove an identity provider, and end the sessions that it has begun")
    .argument("<provider>", "id of the provider")
    .addHelpText("after", examples("providers remove PROVIDER_ID"))
    .action(withServer(io, remove));
  providers
    .command("passwords")
    .description("turn passwords on, or off for all but some users; without an argument, say what holds")
    .argument("[on-or-off]", "on or off")
    .option("--except <users...>", "ids of users whose passwords stay good: one must be an administrator")
    .addHelpText("after", examples("providers passwords on"))
    .action(withServer<{ except?: readonly string[] }>(io, passwords));
}

async function list(context: Context<object>): Promise<void> {
  const rows = (await (await context.connection.call("GET", METADATA)).json()) as Provider[];
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "issuer", value: ({ settings }) => settings.issuer },
  ]);
}

async function show(context: Context<object>): Promise<void> {
  const provider = (await (await context.connection.call("GET", `${METADATA}/${context.words[0]}`)).json()) as Provider;
  printOne(context, provider, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "issuer", value: ({ settings }) => settings.issuer },
    { title: "client", value: ({ settings }) => settings.client_id },
    { title: "people begin at", value: ({ start_url: url }) => url },
    { title: "provider answers to", value: ({ callback_url: url }) => url },
  ]);
}

async function add(context: Context<object>): Promise<void> {
  const answer = await context.connection.call("POST", METADATA, { body: settingsIn(context.words[0] ?? "") });
  context.io.out(answer.header("location")?.split("/").at(-1) ?? "");
}

async function set(context: Context<object>): Promise<void> {
  const [id, file = ""] = context.words;
  await context.connection.call("PUT", `${METADATA}/${id}`, { body: settingsIn(file) });
  done(context, `${id} is changed.`);
}

async function remove(context: Context<object>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("DELETE", `${METADATA}/${id}`);
  done(context, `${id} is removed.`);
}

async function passwords(context: Context<{ except?: readonly string[] }>): Promise<void> {
  const { connection, io, options, words } = context;
  const [state] = words;
  if (state === undefined) {
    const rules = (await (await connection.call("GET", `${USERADM}/sign_in`)).json()) as SignInRules;
    const except = rules.break_glass.length === 0 ? "" : `, except for ${rules.break_glass.join(" ")}`;
    io.out(options.json === true ? JSON.stringify(rules) : `${rules.passwords}${except}`);
    return;
  }
  const body = { passwords: state, ...(options.except !== undefined && { break_glass: options.except }) };
  await connection.call("PUT", `${USERADM}/sign_in`, { body });
  done(context, `Passwords are ${state}.`);
}

function settingsIn(path: string): unknown {
  try {
    return JSON.parse(readSmallFile(path));
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "<file>", value: path, reason: "no JSON file" }, cause);
  }
}
