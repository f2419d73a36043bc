import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import { registerPasswordLinks } from "./passwords.ts";
import { ago } from "./table.ts";

const USERADM = "/api/management/v1/useradm";

interface User {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly created_ts: string;
  readonly login_ts?: string;
  /** Not before they have accepted their invitation. */
  readonly has_password: boolean;
}

interface Token {
  readonly id: string;
  readonly name: string;
  readonly created_ts: string;
  readonly expiration_date?: string;
  readonly last_used?: string;
}

export function registerUsers(program: Command, io: CliIo): void {
  const users = program.command("users").description("people who may use the server");
  users
    .command("list")
    .description("list users")
    .addHelpText("after", examples("users list"))
    .action(withServer(io, listUsers));
  users
    .command("show")
    .description("show a user")
    .argument("<user>", "id of the user")
    .addHelpText("after", examples("users show USER_ID"))
    .action(withServer(io, showUser));
  users
    .command("add")
    .description("add a user")
    .argument("<email>", "email address")
    .requiredOption("--password-file <file>", "file with the password in its first line")
    .option("--role <names...>", "roles of the user; default: RBAC_ROLE_PERMIT_ALL, an administrator")
    .addHelpText(
      "after",
      examples(
        "users add grace@example.com --password-file password",
        "users add build@example.com --password-file password --role RBAC_ROLE_CI",
      ),
    )
    .action(withServer<{ passwordFile: string; role?: readonly string[] }>(io, addUser));
  registerPasswordLinks(users, io);
  users
    .command("set-roles")
    .description("replace the roles of a user; without a role, a user has only their own account")
    .argument("<user>", "id of the user")
    .argument("[role...]", "names of roles")
    .addHelpText("after", examples("users set-roles USER_ID RBAC_ROLE_OBSERVER RBAC_ROLE_CI"))
    .action(withServer(io, setRoles));
  users
    .command("delete")
    .description("delete a user")
    .argument("<user>", "id of the user")
    .addHelpText("after", examples("users delete USER_ID"))
    .action(withServer(io, deleteUser));
}

export function registerTokens(program: Command, io: CliIo): void {
  const tokens = program.command("tokens").description("personal access tokens, for programs that act for you");
  tokens
    .command("list")
    .description("list your tokens")
    .addHelpText("after", examples("tokens list"))
    .action(withServer(io, listTokens));
  tokens
    .command("create")
    .description("make a token, and print it: the server shows it only once")
    .argument("<name>", "name of the token")
    .option("--expires-in <days>", "days until it expires", days, 90)
    .addHelpText("after", examples("tokens create ci --expires-in 365"))
    .action(withServer<{ expiresIn: number }>(io, createToken));
  tokens
    .command("revoke")
    .description("revoke a token")
    .argument("<token>", "id of the token")
    .addHelpText("after", examples("tokens revoke TOKEN_ID"))
    .action(withServer(io, revoke));
}

function days(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > 365)
    throw new InvalidArgumentError("It must be a whole number from 1 to 365.");
  return Number(text);
}

async function listUsers(context: Context<object>): Promise<void> {
  const rows = await pagesOf<User>(context.connection, `${USERADM}/users`);
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "email", value: ({ email }) => email },
    { title: "roles", value: ({ roles }) => roles.join(" ") },
    { title: "last login", value: (user) => (user.has_password ? ago(user.login_ts, now) : "invited") },
  ]);
}

async function showUser(context: Context<object>): Promise<void> {
  const answer = await context.connection.call("GET", `${USERADM}/users/${context.words[0]}`);
  printOne(context, (await answer.json()) as User, [
    { title: "id", value: ({ id }) => id },
    { title: "email", value: ({ email }) => email },
    { title: "roles", value: ({ roles }) => roles.join(" ") },
    { title: "created", value: ({ created_ts }) => created_ts },
    { title: "last login", value: ({ login_ts }) => login_ts },
  ]);
}

async function setRoles(context: Context<object>): Promise<void> {
  const [id, ...roles] = context.words;
  await context.connection.call("PUT", `${USERADM}/users/${id}`, { body: { roles } });
  done(context, `${id} has ${roles.length === 0 ? "no role" : roles.join(" ")}.`);
}

async function addUser(context: Context<{ passwordFile: string; role?: readonly string[] }>): Promise<void> {
  const [email] = context.words;
  const password = firstLine(context.options.passwordFile);
  const answer = await context.connection.call("POST", `${USERADM}/users`, {
    body: { email, password, ...(context.options.role !== undefined && { roles: context.options.role }) },
  });
  context.io.out(answer.header("location")?.split("/").at(-1) ?? "");
}

function firstLine(path: string): string {
  try {
    return readSmallFile(path).split("\n", 1)[0] ?? "";
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--password-file", value: path }, cause);
  }
}

async function deleteUser(context: Context<object>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("DELETE", `${USERADM}/users/${id}`);
  done(context, `${id} is deleted.`);
}

async function listTokens(context: Context<object>): Promise<void> {
  const rows = (await (await context.connection.call("GET", `${USERADM}/settings/tokens`)).json()) as Token[];
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "expires", value: (token) => token.expiration_date },
    { title: "used", value: (token) => ago(token.last_used, now) },
  ]);
}

async function createToken(context: Context<{ expiresIn: number }>): Promise<void> {
  const body = { name: context.words[0], expires_in: context.options.expiresIn * 86_400 };
  const answer = await context.connection.call("POST", `${USERADM}/settings/tokens`, { body });
  context.io.out((await answer.text()).trim());
}

async function revoke(context: Context<object>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("DELETE", `${USERADM}/settings/tokens/${id}`);
  done(context, `${id} is revoked.`);
}
