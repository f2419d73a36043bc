import { Command, CommanderError } from "commander";
import { printable } from "../../src/errors/agent-error.ts";
import { printAlike } from "../../src/util/print-alike.ts";
import { VERSION } from "../../src/version.ts";
import { SETTINGS, type SettingKey } from "../config/settings.ts";
import { SERVER_ERRORS, type ServerErrorEntry } from "../errors/catalogue.ts";
import { describeServerError, ServerError } from "../errors/server-error.ts";
import type { ServerIo } from "./io.ts";
import { addSettings, type Flags, WHERE } from "./options.ts";

export const PROGRAM = "switchback-server";

const examples = (...lines: readonly string[]): string =>
  `\nExample${lines.length === 1 ? "" : "s"}:\n${lines.map((line) => `  ${PROGRAM} ${line}`).join("\n")}`;

/** The command line of `switchback-server`. Each command loads its code when it is called. */
export function commandLine(io: ServerIo): Command {
  const program = new Command(PROGRAM)
    .description("Manages devices, releases and deployments, and serves them to devices.")
    .version(VERSION, "-v, --version");
  addStart(program, io);
  addMore(program, io);
  addPeople(program, io);
  addAudit(program, io);
  printAlike(program, io);
  return program;
}

function addStart(program: Command, io: ServerIo): void {
  const command = program
    .command("start")
    .description("run the server; the first start makes a tenant, an administrator and a certificate authority");
  addSettings(
    command,
    SETTINGS.map(({ key }) => key),
  )
    .option("--print-config", "print what holds, and where it comes from, and start nothing")
    .addHelpText("after", START_NOTES)
    .action(async (flags: Flags) => (await import("./start-action.ts")).start(flags, io));
}

const START_NOTES = `
Each option is also a variable of the environment (--local-listen: SWITCHBACK_LOCAL_LISTEN) and a key of the file of
--config (local-listen). Options win over the environment, and the environment over the file.

SIGTERM and Ctrl-C end the server when it has answered all requests; a second signal ends it at once.
${examples(
  "start",
  "start --data /srv/switchback --url https://ota.example.com:8443",
  "start --admin me@example.com --admin-password-file password.txt",
  "start --tls off --listen 127.0.0.1:9000 --print-config",
)}`;

function addMore(program: Command, io: ServerIo): void {
  addSettings(program.command("status").description("print whether the server and its database run"), WHERE)
    .option("--json", "print one JSON object")
    .addHelpText("after", `\nExit status:\n  0  the server runs\n  1  it does not\n${examples("status --json")}`)
    .action(async (flags: Flags) => (await import("./status-action.ts")).status(flags, io));
  addSettings(program.command("migrate").description("bring the schema of the database up to date"), WHERE)
    .addHelpText("after", `\n'start' does the same.\n${examples("migrate")}`)
    .action(async (flags: Flags) => (await import("./more-actions.ts")).migrateDatabase(flags, io));
  addSettings(program.command("ca").description("print the certificate of the server's authority, for boards"), [
    "data",
  ])
    .option("--output <FILE>", "write it there")
    .addHelpText("after", examples("ca --output server.crt"))
    .action(async (flags: Flags) => (await import("./more-actions.ts")).showAuthority(flags, io));
  addBackups(program, io);
}

function addBackups(program: Command, io: ServerIo): void {
  const storage = SETTINGS.map(({ key }) => key).filter((key) => key.startsWith("storage"));
  const keys: readonly SettingKey[] = [...WHERE, ...storage.filter((key) => key !== "storage-links")];
  addSettings(program.command("backup").argument("<file>", "tar archive to write"), keys)
    .description(
      "write the database, the Artifacts and the certificate authority into one file, also while the server runs",
    )
    .addHelpText(
      "after",
      `\nThe file holds keys and hashes of passwords: keep it secret.\n${examples("backup backup.tar")}`,
    )
    .action(async (file: string, flags: Flags) => (await import("./backup-actions.ts")).backup(file, flags, io));
  addSettings(program.command("restore").argument("<file>", "what backup has written"), keys)
    .description("restore a backup into an empty database")
    .addHelpText("after", examples("restore backup.tar --data /srv/switchback"))
    .action(async (file: string, flags: Flags) => (await import("./backup-actions.ts")).restore(file, flags, io));
}

function addPeople(program: Command, io: ServerIo): void {
  const actions = () => import("./people-actions.ts");
  const links = () => import("./link-actions.ts");
  const tenant = program.command("tenant").description("add and list tenants, which share nothing");
  addSettings(tenant.command("add").argument("<name>", "unique name"), WHERE)
    .description("make a tenant with its administrator")
    .requiredOption("--admin <EMAIL>", "address of the administrator")
    .option("--admin-password-file <FILE>", "file with the password (default: makes one and prints it)")
    .option("--json", "print one JSON object")
    .addHelpText("after", examples("tenant add second --admin you@example.com --admin-password-file password.txt"))
    .action(async (name: string, flags: Flags) => (await actions()).tenantAdd(name, flags, io));
  addSettings(tenant.command("list"), WHERE)
    .description("list all tenants")
    .option("--json", "print a JSON array, with the token that devices send")
    .addHelpText("after", examples("tenant list --json"))
    .action(async (flags: Flags) => (await actions()).tenantList(flags, io));

  const user = program.command("user").description("add and list users, and reset passwords");
  const ofTenant = (command: Command): Command =>
    addSettings(command, WHERE).option("--tenant <NAME>", "tenant of the user, if there are several");
  const withPassword = (command: Command): Command =>
    command.option("--password-file <FILE>", "file with the password (default: makes one and prints it)");
  withPassword(ofTenant(user.command("add").argument("<email>", "address")))
    .description("make a user")
    .option("--role <NAMES...>", "roles of the user (default: RBAC_ROLE_PERMIT_ALL, an administrator)")
    .addHelpText(
      "after",
      examples(
        "user add third@example.com --tenant default --password-file password.txt",
        "user add build@example.com --role RBAC_ROLE_CI",
      ),
    )
    .action(async (email: string, flags: Flags) => (await actions()).userAdd(email, flags, io));
  addSettings(user.command("invite").argument("<email>", "address"), [...WHERE, "url"])
    .option("--tenant <NAME>", "tenant of the user, if there are several")
    .description("make a user without a password, and print a link to set one, which works once within 7 days")
    .option("--role <NAMES...>", "roles of the user (default: RBAC_ROLE_PERMIT_ALL, an administrator)")
    .addHelpText("after", examples("user invite fifth@example.com --tenant default --url https://ota.example.com"))
    .action(async (email: string, flags: Flags) => (await links()).userInvite(email, flags, io));
  ofTenant(user.command("list"))
    .description("list the users of a tenant")
    .option("--json", "print a JSON array")
    .addHelpText("after", examples("user list --tenant default"))
    .action(async (flags: Flags) => (await actions()).userList(flags, io));
  withPassword(addSettings(user.command("reset-password").argument("<email>", "address"), [...WHERE, "url"]))
    .description("set a password, and end the sessions of the user")
    .option("--link", "print a link to set one instead, which works once within an hour")
    .addHelpText(
      "after",
      examples(
        "user reset-password me@example.com --password-file password.txt",
        "user reset-password me@example.com --link",
      ),
    )
    .action(async (email: string, flags: Flags) =>
      flags["link"] === true
        ? (await links()).userResetLink(email, flags, io)
        : (await actions()).userResetPassword(email, flags, io),
    );
  addSettings(user.command("reset-second-factor").argument("<email>", "address"), WHERE)
    .description("remove the second factor of a user who has lost it")
    .addHelpText("after", examples("user reset-second-factor me@example.com"))
    .action(async (email: string, flags: Flags) => (await actions()).userResetSecondFactor(email, flags, io));
}

function addAudit(program: Command, io: ServerIo): void {
  const audit = program.command("audit").description("check the record of what people did");
  addSettings(audit.command("verify"), WHERE)
    .description("compute all hashes of the audit log anew, and name the first record that is not as it was written")
    .option("--tenant <NAME>", "only the log of this tenant")
    .option("--anchors <FILES...>", "files with anchors to compare with: logs of the server, backups, earlier output")
    .option("--json", "print one JSON object for each tenant")
    .addHelpText("after", VERIFY_NOTES)
    .action(async (flags: Flags) => (await import("./audit-actions.ts")).auditVerify(flags, io));
}

const VERIFY_NOTES = `
It prints an anchor: the number and the hash of the last record. Keep anchors outside of the database. With one of
them, the command also finds records that were cut off from the end, and a log that was written anew as a whole.
The server writes anchors to its log every hour, and into each backup.

Exit status:
  0  all records are as they were written
  1  a log is broken
${examples("audit verify", "audit verify --anchors backup.tar", "audit verify --anchors server.log --json")}`;

/** Runs one command line, and leaves its exit status in `io`. */
export async function runCommandLine(argv: readonly string[], io: ServerIo): Promise<void> {
  try {
    await commandLine(io).parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) io.exitCode = error.exitCode === 0 ? 0 : 2;
    else if (error instanceof ServerError) {
      io.err(printable(`${error.code}: ${describeServerError(error)}`));
      const { exit }: ServerErrorEntry = SERVER_ERRORS[error.code];
      io.exitCode = exit ?? 1;
    } else throw error;
  }
}
