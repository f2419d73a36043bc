import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type {
  EnrolmentPreview,
  EnrolmentRule,
  EnrolmentToken,
  MadeEnrolmentToken,
} from "../../src/protocol/api/enrolment.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";

const RULES = "/api/management/v2/devauth/enrolment/rules";
const TOKENS = "/api/management/v2/devauth/enrolment/tokens";

const NOTES = `
All conditions must hold. An expression must match the whole value of the attribute. A list is a file with one value a
line, of which the first column counts if it has commas. A device with a second key is never accepted by a rule.
`;

export function registerEnrolment(program: Command, io: CliIo): void {
  const enrolment = program.command("enrolment").description("who joins the fleet without a person: rules and tokens");
  enrolment
    .command("rules")
    .description("list the rules")
    .addHelpText("after", examples("enrolment rules"))
    .action(withServer(io, listRules));
  conditions(
    enrolment
      .command("add-rule")
      .argument("<name>", "name of the rule")
      .description("accept devices that fit, from now on"),
  )
    .option("--dry-run", "change nothing, and say which of the devices that wait would be accepted")
    .addHelpText(
      "after",
      `${NOTES}${examples(
        "enrolment add-rule ours --identity mac=02:00:00:.* --network 192.0.2.0/24 --dry-run",
        "enrolment add-rule delivered --list serial=serials.csv",
      )}`,
    )
    .action(withServer<RuleOptions & { dryRun?: true }>(io, addRule));
  enrolment
    .command("remove-rule")
    .description("accept nobody by a rule any more; who was accepted stays")
    .argument("<rule>", "id of the rule")
    .addHelpText("after", examples("enrolment remove-rule RULE_ID"))
    .action(withServer(io, (context) => remove(context, RULES, "is removed")));
  enrolment
    .command("tokens")
    .description("list the enrolment tokens")
    .addHelpText("after", examples("enrolment tokens"))
    .action(withServer(io, listTokens));
  enrolment
    .command("create-token")
    .description("make a token that devices send as their tenant token, and print it: it is shown this once")
    .argument("<name>", "what it is for")
    .option("--days <number>", "how long it lets devices in", Number, 30)
    .option("--uses <number>", "how many devices it lets in; default: any number", Number)
    .addHelpText("after", examples("enrolment create-token line-3 --days 7 --uses 500"))
    .action(withServer<{ days: number; uses?: number }>(io, createToken));
  enrolment
    .command("revoke-token")
    .description("let nobody in by a token any more; who came in by it stays")
    .argument("<token>", "id of the token")
    .addHelpText("after", examples("enrolment revoke-token ENROLMENT_TOKEN_ID"))
    .action(withServer(io, (context) => remove(context, TOKENS, "is revoked")));
}

interface RuleOptions {
  readonly identity?: readonly string[];
  readonly list?: readonly string[];
  readonly network?: readonly string[];
}

const conditions = (command: Command): Command =>
  command
    .option("--identity <conditions...>", "what an attribute of the identity must be: NAME=EXPRESSION")
    .option("--list <files...>", "values that an attribute may have: NAME=FILE")
    .option("--network <networks...>", "addresses or networks from which the devices ask");

async function listRules(context: Context<object>): Promise<void> {
  const rows = (await (await context.connection.call("GET", RULES)).json()) as EnrolmentRule[];
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "identity", value: ({ identity }) => identity.map(conditionText).join(" ") },
    { title: "from", value: ({ networks }) => networks.join(" ") },
  ]);
}

const conditionText = (condition: EnrolmentRule["identity"][number]): string =>
  "regex" in condition
    ? `${condition.attribute}=${condition.regex}`
    : `${condition.attribute}: ${condition.values.length} values`;

async function addRule(context: Context<RuleOptions & { dryRun?: true }>): Promise<void> {
  const { connection, options, words, io } = context;
  const identity = [
    ...(options.identity ?? []).map((text) => {
      const [attribute, regex] = pair("--identity", text);
      return { attribute, regex };
    }),
    ...(options.list ?? []).map((text) => {
      const [attribute, file] = pair("--list", text);
      return { attribute, values: valuesIn(file) };
    }),
  ];
  const body = { name: words[0], identity, networks: options.network ?? [] };
  if (options.dryRun !== true) {
    const answer = await connection.call("POST", RULES, { body });
    io.out(answer.header("location")?.split("/").at(-1) ?? "");
    return;
  }
  const preview = (await (await connection.call("POST", `${RULES}/preview`, { body })).json()) as EnrolmentPreview;
  if (options.json === true) io.out(jsonLine(preview));
  else {
    io.out(`It would accept ${preview.matching} of ${preview.pending} devices that wait.`);
    for (const id of preview.device_ids) io.out(id);
  }
}

function pair(option: string, text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1)
    throw new AgentError("OPTION_INVALID", { option, value: text, expected: "NAME=…" });
  return [text.slice(0, at), text.slice(at + 1)];
}

function valuesIn(path: string): readonly string[] {
  try {
    const cells = readSmallFile(path)
      .split(/\r?\n/)
      .map((line) => (line.split(",", 1)[0] ?? "").trim().replace(/^"(.*)"$/, "$1"));
    return [...new Set(cells)].filter((cell) => cell !== "");
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--list", value: path }, cause);
  }
}

async function remove({ connection, words, ...context }: Context<object>, path: string, said: string): Promise<void> {
  await connection.call("DELETE", `${path}/${words[0]}`);
  done({ connection, words, ...context }, `${words[0]} ${said}.`);
}

async function listTokens(context: Context<object>): Promise<void> {
  const rows = (await (await context.connection.call("GET", TOKENS)).json()) as EnrolmentToken[];
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "state", value: ({ state }) => state },
    {
      title: "uses",
      value: (row) => `${row.uses}${row.max_uses === undefined ? "" : ` of ${row.max_uses}`}`,
      right: true,
    },
    { title: "expires", value: (row) => row.expires_ts },
  ]);
}

async function createToken(context: Context<{ days: number; uses?: number }>): Promise<void> {
  const { connection, options, words, io } = context;
  const body = { name: words[0], expires_in: Math.round(options.days * 86_400), max_uses: options.uses };
  const made = (await (await connection.call("POST", TOKENS, { body })).json()) as MadeEnrolmentToken;
  io.out(options.json === true ? jsonLine(made) : made.token);
}
