import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import type { Session } from "../../src/protocol/api/useradm.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";
import { ago } from "./table.ts";

const USERS = "/api/management/v1/useradm/users";
const OF_USER = ["--user <id>", "another user, whom you may manage"] as const;

interface OfUser {
  readonly user?: string;
}

export function registerSessions(program: Command, io: CliIo): void {
  const sessions = program.command("sessions").description("logins and access tokens that are valid now");
  sessions
    .command("list")
    .description("list your sessions and access tokens, and where they were used last")
    .option(...OF_USER)
    .addHelpText("after", examples("sessions list", "sessions list --user USER_ID"))
    .action(withServer<OfUser>(io, listSessions));
  sessions
    .command("revoke")
    .description("end a session or an access token at once")
    .argument("<session>", "id of the session")
    .option(...OF_USER)
    .addHelpText("after", examples("sessions revoke SESSION_ID"))
    .action(withServer<OfUser>(io, revoke));
  sessions
    .command("revoke-all")
    .description("end all sessions and access tokens but the one in use")
    .option(...OF_USER)
    .option("--keep-tokens", "end sessions only")
    .addHelpText("after", examples("sessions revoke-all --keep-tokens", "sessions revoke-all --user USER_ID"))
    .action(withServer<OfUser & { keepTokens?: true }>(io, revokeAll));
}

const pathOf = ({ user = "me" }: OfUser): string => `${USERS}/${user}/sessions`;

async function listSessions(context: Context<OfUser>): Promise<void> {
  const rows = (await (await context.connection.call("GET", pathOf(context.options))).json()) as Session[];
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "kind", value: ({ kind, name, current }) => (current ? `${kind} (this one)` : (name ?? kind)) },
    { title: "since", value: (session) => ago(session.issued_at, now) },
    { title: "from", value: ({ address }) => address },
    { title: "used", value: (session) => ago(session.last_used_at, now) },
    { title: "used from", value: ({ last_address: address }) => address },
    { title: "expires", value: ({ expires_at: at }) => at },
    { title: "program", value: ({ user_agent: agent }) => agent },
  ]);
}

async function revoke(context: Context<OfUser>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("DELETE", `${pathOf(context.options)}/${id}`);
  done(context, `${id} has ended.`);
}

async function revokeAll(context: Context<OfUser & { keepTokens?: true }>): Promise<void> {
  const { keepTokens } = context.options;
  const query = keepTokens === true ? { kind: "session" } : {};
  await context.connection.call("DELETE", pathOf(context.options), { query });
  done(
    context,
    `All ${keepTokens === true ? "sessions" : "sessions and access tokens"} have ended but the one in use.`,
  );
}
