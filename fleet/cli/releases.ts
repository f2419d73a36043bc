import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, examples, printOne, printRows, withServer } from "./command.ts";
import { ago } from "./table.ts";

const RELEASES = "/api/management/v2/deployments/deployments/releases";

interface Release {
  readonly name: string;
  readonly modified: string;
  readonly artifacts_count: number;
  readonly tags: readonly string[];
  readonly notes?: string;
}

export function registerReleases(program: Command, io: CliIo): void {
  const releases = program.command("releases").description("releases: Artifacts with the same name");
  releases
    .command("list")
    .description("list releases")
    .option("--tag <tag...>", "only releases with one of these tags")
    .addHelpText("after", examples("releases list", "releases list --tag stable"))
    .action(withServer<{ tag?: readonly string[] }>(io, list));
  releases
    .command("show")
    .description("show a release")
    .argument("<release>", "name of the release")
    .addHelpText("after", examples("releases show release-7"))
    .action(withServer(io, show));
}

async function list(context: Context<{ tag?: readonly string[] }>): Promise<void> {
  const rows = await pagesOf<Release>(context.connection, RELEASES, { tag: context.options.tag });
  const now = Date.now();
  printRows(context, rows, [
    { title: "name", value: ({ name }) => name },
    { title: "artifacts", value: (one) => one.artifacts_count, right: true },
    { title: "tags", value: ({ tags }) => tags.join(",") },
    { title: "age", value: ({ modified }) => ago(modified, now), right: true },
  ]);
}

async function show(context: Context<object>): Promise<void> {
  const path = `${RELEASES}/${encodeURIComponent(context.words[0] ?? "")}`;
  printOne(context, (await (await context.connection.call("GET", path)).json()) as Release, [
    { title: "name", value: ({ name }) => name },
    { title: "artifacts", value: (one) => one.artifacts_count },
    { title: "tags", value: ({ tags }) => tags.join(", ") },
    { title: "modified", value: ({ modified }) => modified },
    { title: "notes", value: ({ notes }) => notes },
  ]);
}
