import { type Command, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { examples } from "./command.ts";
import { isMenderCli } from "./mender-format.ts";
import { connect, connectWith, forgetLogin, type GlobalOptions, storeLogin } from "./session.ts";

const LOGIN = "/api/management/v1/useradm/auth/login";
const ME = "/api/management/v1/useradm/users/me";

interface LoginOptions extends GlobalOptions {
  readonly username?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly totpCode?: string;
  readonly "2faCode"?: string;
}

export function registerLogin(program: Command, io: CliIo): void {
  program
    .command("login")
    .description("log in to a server, for later commands")
    .option("--username <email>", "email address; asked for if it is missing")
    .option("--password <text>", "password, which others on this machine can see in the list of processes")
    .option("--password-file <file>", "file with the password in its first line; otherwise it is asked for")
    .option("--totp-code <code>", "code of the second factor; default: SWITCHBACK_TOTP_CODE, else it is asked for")
    .addOption(new Option("--2fa-code <code>", "the same, as mender-cli calls it").hideHelp())
    .addHelpText("after", EXAMPLES)
    .action(async (_options: unknown, command: Command) =>
      logIn(command.optsWithGlobals<LoginOptions>(), io, isMenderCli(command)),
    );
  program
    .command("logout")
    .description("end the session and forget its token")
    .addHelpText("after", examples("logout"))
    .action(async (_options: unknown, command: Command) => logOut(command.optsWithGlobals<GlobalOptions>(), io));
}

const EXAMPLES = `
A personal access token needs no login: give it in SWITCHBACK_TOKEN, or log in with --token-value to keep it.

Examples:
  switchback-fleet login --server https://fleet.example.com:8443 --ca ca.pem --username ada@example.com
  switchback-fleet login --server https://fleet.example.com:8443 --username ci@example.com --password-file password
  switchback-fleet login --username ada@example.com --password-file password --totp-code 123456`;

async function logIn(options: LoginOptions, io: CliIo, isMender: boolean): Promise<void> {
  const token = options.tokenValue ?? io.env["SWITCHBACK_TOKEN"] ?? (await tokenFor(options, io));
  const connection = connectWith(token, options, io);
  // A token that is not valid must not replace one that is.
  await connection.call("GET", ME);
  storeLogin(token, connection.server, options, io);
  if (isMender) io.out("login successful");
  else io.err(`Logged in to ${connection.server}.`);
}

async function tokenFor(options: LoginOptions, io: CliIo): Promise<string> {
  const username = options.username ?? (await asked(io, "Username: ", false, "--username"));
  const password =
    options.password ?? passwordFrom(options.passwordFile) ?? (await asked(io, "Password: ", true, "--password-file"));
  const credentials = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  const connection = connectWith(undefined, options, io);
  const send = async (code: string | undefined): Promise<string> => {
    const answer = await connection.call("POST", LOGIN, {
      headers: { authorization: `Basic ${credentials}` },
      ...(code !== undefined && { body: { token2fa: code } }),
    });
    return (await answer.text()).trim();
  };
  const code = options.totpCode ?? options["2faCode"] ?? io.env["SWITCHBACK_TOTP_CODE"];
  try {
    return await send(code);
  } catch (error) {
    if (!(error instanceof AgentError) || error.detail["code"] !== "SECOND_FACTOR_MISSING") throw error;
    return send(await asked(io, "Code of the second factor: ", false, "--totp-code"));
  }
}

/** Asks on the terminal. @throws {AgentError} OPTION_INVALID if there is none */
export async function asked(io: CliIo, question: string, isSecret: boolean, option: string): Promise<string> {
  if (io.ask === undefined)
    throw new AgentError("OPTION_INVALID", { option, reason: "there is no terminal to ask on" });
  return io.ask(question, isSecret);
}

/** The first line of a file. @throws {AgentError} OPTION_INVALID */
export function passwordFrom(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readSmallFile(path).split("\n", 1)[0] ?? "";
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--password-file", value: path }, cause);
  }
}

async function logOut(options: GlobalOptions, io: CliIo): Promise<void> {
  await connect(options, io).call("POST", "/api/management/v1/useradm/auth/logout");
  forgetLogin(options, io);
  io.err("Logged out.");
}
