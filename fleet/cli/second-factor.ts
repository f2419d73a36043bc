import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SignInRules } from "../../src/protocol/api/sign-in.ts";
import type { RecoveryCodes, SecondFactorSecret } from "../../src/protocol/api/useradm.ts";
import { type Context, done, examples, printOne, withServer } from "./command.ts";
import { passwordFrom } from "./login.ts";

const USERADM = "/api/management/v1/useradm";
const PASSWORD_FILE = [
  "--password-file <file>",
  "file with your password in its first line; otherwise it is asked for",
] as const;

interface WithPassword {
  readonly passwordFile?: string;
}

export function registerSecondFactor(program: Command, io: CliIo): void {
  const factor = program.command("second-factor").description("codes of an app, which your logins then need");
  factor
    .command("set-up")
    .description("show a new secret for an app on your phone; logins ask for codes only after 'verify'")
    .addHelpText("after", examples("second-factor set-up"))
    .action(withServer(io, setUp));
  factor
    .command("verify")
    .description("end the set-up with a code of the app, and print recovery codes, each good once without the app")
    .argument("<code>", "the code that the app shows")
    .addHelpText("after", examples("second-factor verify CODE"))
    .action(withServer(io, verify));
  factor
    .command("recovery-codes")
    .description("replace your recovery codes")
    .option(...PASSWORD_FILE)
    .addHelpText("after", examples("second-factor recovery-codes --password-file password"))
    .action(withServer<WithPassword>(io, recoveryCodes));
  factor
    .command("disable")
    .description("remove your second factor")
    .option(...PASSWORD_FILE)
    .addHelpText("after", examples("second-factor disable --password-file password"))
    .action(withServer<WithPassword>(io, disable));
  factor
    .command("reset")
    .description("remove the second factor of a user who has lost the app and the recovery codes")
    .argument("<user>", "id of the user")
    .addHelpText("after", examples("second-factor reset USER_ID"))
    .action(withServer(io, reset));
  factor
    .command("require")
    .description("say whether everyone must have a second factor; without an argument, show it")
    .argument("[rule]", "required or optional")
    .addHelpText("after", examples("second-factor require optional"))
    .action(withServer(io, require));
}

async function setUp(context: Context<object>): Promise<void> {
  const { connection, io, options } = context;
  await connection.call("POST", `${USERADM}/users/me/2fa/enable`);
  const shown = (await (await connection.call("GET", `${USERADM}/2faqr`)).json()) as SecondFactorSecret;
  if (options.json !== true) for (const line of shown.qr_text.split("\n")) io.out(line);
  printOne(context, shown, [
    { title: "secret", value: ({ secret }) => secret },
    { title: "address", value: ({ uri }) => uri },
  ]);
  done(context, "Let your app read it, and then run: switchback-fleet second-factor verify CODE");
}

async function verify(context: Context<object>): Promise<void> {
  const [code] = context.words;
  const answer = await context.connection.call("PUT", `${USERADM}/2faverify`, { body: { token2fa: code } });
  printCodes(context, (await answer.json()) as RecoveryCodes);
}

async function recoveryCodes(context: Context<WithPassword>): Promise<void> {
  const body = await presentPassword(context);
  const answer = await context.connection.call("POST", `${USERADM}/users/me/2fa/recovery_codes`, { body });
  printCodes(context, (await answer.json()) as RecoveryCodes);
}

function printCodes({ io, options }: Context<object>, codes: RecoveryCodes): void {
  if (options.json === true) io.out(JSON.stringify(codes));
  else for (const code of codes.recovery_codes) io.out(code);
  io.err("Keep these codes in a safe place: they are shown only now, and each is good once without the app.");
}

async function disable(context: Context<WithPassword>): Promise<void> {
  const body = await presentPassword(context);
  await context.connection.call("POST", `${USERADM}/users/me/2fa/disable`, { body });
  done(context, "Your logins need no code any more.");
}

async function reset(context: Context<object>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("POST", `${USERADM}/users/${id}/2fa/reset`);
  done(context, `${id} has no second factor any more.`);
}

async function require(context: Context<object>): Promise<void> {
  const { connection, words, io, options } = context;
  const [rule] = words;
  if (rule === undefined) {
    const rules = (await (await connection.call("GET", `${USERADM}/sign_in`)).json()) as SignInRules;
    io.out(options.json === true ? JSON.stringify(rules) : rules.second_factor);
  } else {
    await connection.call("PUT", `${USERADM}/sign_in`, { body: { second_factor: rule } });
    done(context, `A second factor is ${rule}.`);
  }
}

async function presentPassword({ options, io }: Context<WithPassword>): Promise<{ readonly current_password: string }> {
  const given = passwordFrom(options.passwordFile);
  if (given !== undefined) return { current_password: given };
  if (io.ask === undefined)
    throw new AgentError("OPTION_INVALID", { option: "--password-file", reason: "there is no terminal to ask on" });
  return { current_password: await io.ask("Password: ", true) };
}
