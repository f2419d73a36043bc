import { type Command, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Delivery, Integration, TestOutcome } from "../../src/protocol/api/webhooks.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";
import { ago } from "./table.ts";

const INTEGRATIONS = "/api/management/v1/iot-manager/integrations";

export function registerWebhooks(program: Command, io: CliIo): void {
  const webhooks = program.command("webhooks").description("webhooks: where the server sends events to");
  webhooks
    .command("list")
    .description("list the webhooks")
    .addHelpText("after", examples("webhooks list"))
    .action(withServer(io, list));
  webhooks
    .command("add")
    .description("send events to a URL, from now on")
    .argument("<url>", "where to: https://HOST/PATH")
    .option("--events <names...>", "events to send; default: those that Mender's webhooks send")
    .option("--secret-file <file>", "file with the key of the signatures, in hexadecimal digits")
    .option("--description <text>", "what it is for")
    .addHelpText(
      "after",
      examples(
        "webhooks add https://hooks.example.com/ota --events deployment-finished rollout-decided",
        "webhooks add https://hooks.example.com/signed --secret-file webhook.key",
      ),
    )
    .action(withServer<AddOptions>(io, add));
  webhooks
    .command("test")
    .description("send a test event to a webhook, and say how it went; exits with 1 if it did not arrive")
    .argument("<webhook>", "id of the webhook")
    .addHelpText("after", examples("webhooks test WEBHOOK_ID"))
    .action(withServer(io, tryOne));
  webhooks
    .command("deliveries")
    .description("list what was sent to a webhook, what waits and what failed")
    .argument("<webhook>", "id of the webhook")
    .addOption(new Option("--state <state>", "only these").choices(["waiting", "delivered", "failed"]))
    .option("--limit <number>", "list at most so many", "100")
    .addHelpText("after", examples("webhooks deliveries WEBHOOK_ID --state failed"))
    .action(withServer<{ state?: string; limit: string }>(io, deliveries));
  webhooks
    .command("remove")
    .description("send nothing more to webhooks, and forget their deliveries")
    .argument("<webhook...>", "ids of the webhooks")
    .addHelpText("after", examples("webhooks remove WEBHOOK_ID"))
    .action(withServer(io, remove));
}

async function list(context: Context<object>): Promise<void> {
  const rows = await pagesOf<Integration>(context.connection, INTEGRATIONS);
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "url", value: ({ credentials }) => credentials.http.url },
    { title: "status", value: ({ status }) => status },
    { title: "failing", value: ({ failing_since: since }) => ago(since, now) },
    { title: "events", value: ({ events }) => events.join(" ") },
  ]);
}

interface AddOptions {
  readonly events?: readonly string[];
  readonly secretFile?: string;
  readonly description?: string;
}

async function add(context: Context<AddOptions>): Promise<void> {
  const { connection, options, words, io } = context;
  const { events, secretFile, description } = options;
  const secret = secretFile === undefined ? undefined : secretIn(secretFile);
  const http = { url: words[0], ...(secret !== undefined && { secret }) };
  const body = { provider: "webhook", credentials: { type: "http", http }, events, description };
  const answer = await connection.call("POST", INTEGRATIONS, { body });
  io.out(answer.header("location")?.split("/").at(-1) ?? "");
}

function secretIn(path: string): string {
  try {
    return readSmallFile(path).trim();
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--secret-file", value: path }, cause);
  }
}

async function tryOne(context: Context<object>): Promise<void> {
  const { connection, options, words, io } = context;
  const answer = await connection.call("POST", `${INTEGRATIONS}/${words[0]}/test`);
  const outcome = (await answer.json()) as TestOutcome;
  if (!outcome.delivered) io.exitCode = 1;
  const { status_code: status, error, duration_ms: took } = outcome;
  if (options.json === true) io.out(jsonLine(outcome));
  else if (outcome.delivered) io.out(`It arrived: status ${status ?? "none"}, after ${took} ms.`);
  else io.out(`It did not arrive: ${error ?? `status ${status ?? "none"}`}.`);
}

async function deliveries(context: Context<{ state?: string; limit: string }>): Promise<void> {
  const { connection, options, words } = context;
  const path = `${INTEGRATIONS}/${words[0]}/deliveries`;
  const rows = await pagesOf<Delivery>(connection, path, { state: options.state }, Number(options.limit));
  const now = Date.now();
  printRows(context, rows, [
    { title: "event", value: ({ id }) => id },
    { title: "type", value: ({ type }) => type },
    { title: "state", value: ({ state }) => state },
    { title: "attempts", value: ({ attempts }) => attempts, right: true },
    { title: "last", value: (row) => ago(row.attempted_ts, now) },
    { title: "answer", value: ({ status_code: status, error }) => error ?? status?.toString() ?? "" },
  ]);
}

async function remove(context: Context<object>): Promise<void> {
  for (const id of context.words) {
    await context.connection.call("DELETE", `${INTEGRATIONS}/${id}`);
    done(context, `${id} is removed.`);
  }
}
