import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import type { PasswordLink } from "../../src/protocol/api/useradm.ts";
import { type Context, done, examples, withServer } from "./command.ts";
import { asked, passwordFrom } from "./login.ts";
import { connectWith, type GlobalOptions } from "./session.ts";

const USERADM = "/api/management/v1/useradm";

/** The commands by which those who manage users have others set their password. */
export function registerPasswordLinks(users: Command, io: CliIo): void {
  users
    .command("invite")
    .description("add a user, who sets a password by a link; the server mails it, or you see it and pass it on")
    .argument("<email>", "email address")
    .option("--role <names...>", "roles of the user; default: RBAC_ROLE_PERMIT_ALL, an administrator")
    .addHelpText(
      "after",
      examples("users invite heidi@example.com", "users invite ivan@example.com --role RBAC_ROLE_OBSERVER"),
    )
    .action(withServer<{ role?: readonly string[] }>(io, invite));
  users
    .command("reset-password")
    .description(
      "have a user set a new password by a link, or invite them again; the present password stays until then",
    )
    .argument("<user>", "id of the user")
    .addHelpText("after", examples("users reset-password USER_ID"))
    .action(withServer(io, resetPassword));
}

/** The commands of people who have a link, or need one: they have not logged in. */
export function registerPasswords(program: Command, io: CliIo): void {
  const password = program.command("password").description("a new password for your account, by a link");
  password
    .command("forgot")
    .description("have the server mail you a link to set a new password, if it sends mails")
    .argument("<email>", "email address of your account")
    .addHelpText("after", examples("password forgot grace@example.com"))
    .action(async (_email: string, _options: unknown, command: Command) => forgot(command, io));
  password
    .command("set")
    .description("set your password with a link of an invitation, or one for a new password; each works once")
    .argument("<link>", "the link, or what stands behind its #")
    .option("--password-file <file>", "file with the new password in its first line; otherwise it is asked for")
    .addHelpText("after", examples("password set PASSWORD_LINK --password-file password"))
    .action(async (_link: string, _options: unknown, command: Command) => set(command, io));
}

async function invite(context: Context<{ role?: readonly string[] }>): Promise<void> {
  const [email] = context.words;
  const { role: roles } = context.options;
  const body = { email, send_reset_password: true, ...(roles !== undefined && { roles }) };
  const answer = await context.connection.call("POST", `${USERADM}/users`, { body });
  const id = answer.header("location")?.split("/").at(-1) ?? "";
  printLink(context, (await answer.json()) as PasswordLink, id);
}

async function resetPassword(context: Context<object>): Promise<void> {
  const [id = ""] = context.words;
  const answer = await context.connection.call("POST", `${USERADM}/users/${id}/password_link`);
  printLink(context, (await answer.json()) as PasswordLink, id);
}

function printLink(context: Context<object>, answer: PasswordLink, id: string): void {
  const { io, connection, options } = context;
  const { mailed, link, expires_at: expiresAt } = answer;
  // A server that does not know its own address answers a link without it.
  const whole = link?.startsWith("/") === true ? `${connection.server}${link}` : link;
  if (options.json === true) {
    io.out(jsonLine({ id, ...answer, ...(whole !== undefined && { link: whole }) }));
    return;
  }
  if (whole !== undefined) io.out(whole);
  done(context, mailed ? "The server sends the link." : `Pass the link on. It works once, until ${expiresAt ?? ""}.`);
}

async function forgot(command: Command, io: CliIo): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const body = { email: command.args[0] };
  await connectWith(undefined, options, io).call("POST", `${USERADM}/auth/password-reset/start`, { body });
  io.err("If there is such an account and the server sends mails, a link is on its way. It works for an hour.");
}

async function set(command: Command, io: CliIo): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions & { passwordFile?: string }>();
  const [link = ""] = command.args;
  const [, base, token = link] = /^(?:(https?:\/\/[^#]*)\/set-password)?#?([^#]*)$/.exec(link) ?? [];
  const password = passwordFrom(options.passwordFile) ?? (await asked(io, "New password: ", true, "--password-file"));
  // The link says where the server is.
  const connection = connectWith(undefined, { ...(base !== undefined && { server: base }), ...options }, io);
  const body = { secret_hash: token, password };
  await connection.call("POST", `${USERADM}/auth/password-reset/complete`, { body });
  io.err("Your password is set. Log in with it: all earlier sessions and access tokens have ended.");
}
