import { createWriteStream, renameSync, rmSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { AuditChain, AuditLog } from "../../src/protocol/api/audit.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printRows, withServer } from "./command.ts";

const LOGS = "/api/management/v1/auditlogs/logs";

export function registerAudit(program: Command, io: CliIo): void {
  const audit = program.command("audit").description("the audit log: who did what, and when");
  filtered(audit.command("list").description("list what people did, the newest first"))
    .option("--limit <number>", "list at most so many", "100")
    .addHelpText("after", examples("audit list --actor grace@example.com", "audit list --type deployment --json"))
    .action(withServer<FilterOptions & { limit: string }>(io, list));
  filtered(audit.command("export").description("write the audit log into a file, the oldest record first"))
    .addOption(new Option("--format <format>", "format of the file").choices(["csv", "ndjson"]).default("csv"))
    .option("--output <file>", "file to write; default: standard output")
    .addHelpText(
      "after",
      examples(
        "audit export --format ndjson --output audit.ndjson",
        "audit export --since 2026-01-01 --output audit.csv",
      ),
    )
    .action(withServer<ExportOptions>(io, exportAll));
  audit
    .command("verify")
    .description("have the server compute all hashes anew, and name the first record that is not as it was written")
    .option("--anchor <words...>", "what an earlier check has printed: the log must still contain it")
    .addHelpText(
      "after",
      `
It prints an anchor. Keep it outside of the server: with it, a later check also finds records that were cut off from the
end, and a log that was written anew.

Exit status:
  0  all records are as they were written
  1  the log is broken
${examples("audit verify", "audit verify --anchor ANCHOR")}`,
    )
    .action(withServer<{ anchor?: readonly string[] }>(io, verify));
}

interface FilterOptions {
  readonly actor?: string;
  readonly type?: string;
  readonly object?: string;
  readonly since?: number;
  readonly until?: number;
}

interface ExportOptions extends FilterOptions {
  readonly format: string;
  readonly output?: string;
}

const filtered = (command: Command): Command =>
  command
    .option("--actor <email>", "only what this user did")
    .option("--type <type>", "only what was done to such things: device, deployment, release, user, ...")
    .option("--object <id>", "only what was done to this one")
    .option("--since <time>", "only from then on, as 2026-06-01 or 2026-06-01T08:00:00Z", epochSeconds)
    .option("--until <time>", "only up to then", epochSeconds);

function epochSeconds(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("It must be a time, as 2026-06-01T08:00:00Z.");
  return Math.floor(time / 1000);
}

const queryOf = ({ actor, type, object, since, until }: FilterOptions) => ({
  ...{ actor_email: actor, object_type: type, object_id: object },
  created_after: since?.toString(),
  created_before: until?.toString(),
});

async function list(context: Context<FilterOptions & { limit: string }>): Promise<void> {
  const { connection, options } = context;
  const rows = await pagesOf<AuditLog>(connection, LOGS, queryOf(options), Number(options.limit));
  printRows(context, rows, [
    { title: "number", value: ({ seq }) => seq, right: true },
    { title: "time", value: ({ time }) => time },
    { title: "who", value: ({ actor }) => String(actor["email"] ?? actor.id) },
    { title: "from", value: ({ origin }) => String(origin.address ?? origin["host"] ?? "") },
    { title: "did", value: ({ action }) => action },
    { title: "to", value: ({ object }) => `${object.type} ${String(object["name"] ?? object["email"] ?? object.id)}` },
  ]);
}

async function exportAll(context: Context<ExportOptions>): Promise<void> {
  const { connection, options, io } = context;
  const { format, output } = options;
  const query = { ...queryOf(options), format, sort: "asc" };
  const { stream } = await connection.call("GET", `${LOGS}/export`, { query, signal: io.signal });
  if (output === undefined) {
    // Text of others reaches a terminal only through the escapes of the output.
    let rest = "";
    stream.setEncoding("utf8");
    for await (const chunk of stream) {
      const lines = `${rest}${String(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) io.out(line.replace(/\r$/, ""));
    }
    return;
  }
  const temporary = `${output}.${process.pid}.new`;
  try {
    await pipeline(stream, createWriteStream(temporary));
    renameSync(temporary, output);
  } catch (cause) {
    rmSync(temporary, { force: true });
    io.signal.throwIfAborted();
    throw new AgentError("OUTPUT_FAILED", { path: output }, cause);
  }
  done(context, `${output} is complete.`);
}

const BREACHES: Readonly<Record<NonNullable<AuditChain["breach"]>, string>> = {
  CHANGED: "it was changed after it was written.",
  MISSING: "it is missing, or records are not in their order.",
  CUT: "it and all later records were cut off.",
  REWRITTEN: "from here on, the log was written anew.",
};

async function verify(context: Context<{ anchor?: readonly string[] }>): Promise<void> {
  const { connection, options, io } = context;
  const answer = await connection.call("GET", `${LOGS}/verify`, { query: { anchor: options.anchor } });
  const chain = (await answer.json()) as AuditChain;
  if (!chain.valid) io.exitCode = 1;
  if (options.json === true) io.out(jsonLine(chain));
  else if (chain.valid) {
    io.out(`All ${chain.records} records are as they were written.`);
    io.out(chain.anchor);
  } else io.out(`Record ${chain.broken_at}: ${BREACHES[chain.breach ?? "CHANGED"]}`);
}
