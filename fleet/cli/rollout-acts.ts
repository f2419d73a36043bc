import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { RolloutSummary } from "../../src/protocol/api/rollout-summaries.ts";
import type { Rollout, RolloutActed, RolloutDecision, RolloutDetails } from "../../src/protocol/api/rollout-views.ts";
import { factSentence, headlineSentence } from "../../src/protocol/words/rollout-words.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, examples, printRows, withServer } from "./command.ts";
import { readQuery } from "./read-query.ts";
import { actedSentences, decisionSentence, rolloutSentences, seenSentence } from "./rollout-sentences.ts";
import { ago } from "./table.ts";

/** The end of a command that acts, for its example. */
const EXAMPLES: Readonly<Record<string, string>> = {
  ...{ resume: "--without hardware:rev-b --dry-run", leave_out: "--without 'type:board-1 OR site:antwerp-*'" },
  roll_back: "--release release-7 --dry-run",
};

const ROLLOUTS = "/api/management/v2/deployments/rollouts";

/** Each act with its name on the command line. */
const ACTS = [
  { name: "approve", act: "approve", description: "approve a rollout that somebody else has created" },
  { name: "pause", act: "pause", description: "pause a rollout: no more devices begin" },
  { name: "resume", act: "resume", description: "resume a rollout that is paused or halted" },
  { name: "open-next", act: "open_next", description: "open the next wave now" },
  { name: "skip-soak", act: "skip_soak", description: "do not wait any longer after the gate is met" },
  { name: "retry-failed", act: "retry_failed", description: "have the devices that failed try again" },
  { name: "leave-out", act: "leave_out", description: "leave devices out that have not begun" },
  { name: "abort", act: "abort", description: "abort a rollout: devices that have not finished do not go on" },
  { name: "roll-back", act: "roll_back", description: "abort a rollout, and deploy the release before where it went" },
] as const;

/** Adds the commands that show rollouts and act on them. */
export function registerRolloutActs(rollouts: Command, io: CliIo): void {
  rollouts
    .command("list")
    .description("list rollouts, the newest first")
    .option("--running", "only those that have not ended")
    .addHelpText("after", examples("rollouts list", "rollouts list --running"))
    .action(withServer<{ running?: true }>(io, list));
  rollouts
    .command("show")
    .description("show a rollout: its waves, what it waits for, and what was decided")
    .argument("<rollout>", "id of its deployment")
    .addHelpText("after", examples("rollouts show ROLLOUT_ID"))
    .action(withServer(io, show));
  rollouts
    .command("watch")
    .description("say what happens in a rollout until it has ended")
    .argument("<rollout>", "id of its deployment")
    .option("--interval <seconds>", "how often to look", Number, 2)
    .addHelpText("after", `${WATCH_EXIT}${examples("rollouts watch ROLLOUT_ID")}`)
    .action(withServer<{ interval: number }>(io, watch));
  for (const { name, act, description } of ACTS) {
    const command = rollouts
      .command(name)
      .description(description)
      .argument("<rollout>", "id of its deployment")
      .option("--dry-run", "change nothing, and say what would happen")
      .option("--revision <number>", "act only on this revision of the rollout, which --dry-run has shown", revisionOf);
    if (act === "roll_back") command.option("--release <name>", "release to go back to; default: that of most devices");
    if (act === "resume") command.option("--without <query>", "leave out the devices that match and have not begun");
    if (act === "leave_out") command.requiredOption("--without <query>", "which devices");
    command
      .addHelpText("after", examples(`rollouts ${name} ROLLOUT_ID ${EXAMPLES[act] ?? "--dry-run"}`))
      .action(withServer<ActOptions>(io, (context) => doAct(context, act)));
  }
}

const WATCH_EXIT = `
Exit status:
  0  the rollout has finished
  1  the command failed
  3  the rollout has finished, and at least one device failed
  4  the rollout was aborted
`;

interface ActOptions {
  readonly dryRun?: true;
  readonly revision?: number;
  readonly release?: string;
  readonly without?: string;
}

function revisionOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

async function list(context: Context<{ running?: true }>): Promise<void> {
  const { running } = context.options;
  const rows = await pagesOf<Rollout>(context.connection, ROLLOUTS, running === true ? { running: "true" } : {});
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "release", value: (one) => one.artifact_name },
    { title: "state", value: ({ state }) => state },
    { title: "wave", value: (one) => `${one.waves_open} of ${one.waves}` },
    { title: "devices", value: (one) => one.device_count, right: true },
    { title: "failed", value: ({ totals }) => totals.failed, right: true },
    { title: "age", value: ({ created }) => ago(created, now), right: true },
  ]);
}

async function read<T>({ connection }: Context<object>, path: string): Promise<T> {
  return (await (await connection.call("GET", `${ROLLOUTS}/${path}`)).json()) as T;
}

async function show(context: Context<object>): Promise<void> {
  const [id] = context.words;
  const rollout = await read<RolloutSummary>(context, `${id}/summary`);
  const decisions = await read<RolloutDecision[]>(context, `${id}/decisions`);
  if (context.options.json === true) {
    context.io.out(jsonLine({ ...rollout, decisions }));
    return;
  }
  context.io.out(headlineSentence(rollout.headline));
  for (const fact of rollout.facts) context.io.out(`- ${factSentence(fact)}`);
  for (const line of rolloutSentences(rollout)) context.io.out(line);
  printRows(
    context,
    rollout.wave_list.map((wave, index) => ({ ...wave, name: `${index + 1} of ${rollout.waves}` })),
    [
      { title: "wave", value: ({ name }) => name },
      { title: "devices", value: ({ size }) => size, right: true },
      { title: "updated", value: ({ tally }) => tally?.updated, right: true },
      { title: "failed", value: ({ tally }) => tally?.failed, right: true },
      { title: "under way", value: ({ tally }) => tally?.under_way, right: true },
      { title: "gate", value: ({ gate }) => (gate === undefined ? "" : `${gate.good} of ${gate.needed}`) },
    ],
  );
  for (const decision of decisions) context.io.out(decisionSentence(decision));
}

/** Prints each decision once, and the headline and the facts whenever they change. */
async function watch(context: Context<{ interval: number }>): Promise<void> {
  const { io, options, words } = context;
  const [id] = words;
  let after = 0;
  let said: readonly string[] = [];
  for (;;) {
    const summary = await read<RolloutSummary>(context, `${id}/summary`);
    const decisions = await read<RolloutDecision[]>(context, `${id}/decisions?after=${after}`);
    for (const decision of decisions) io.out(options.json === true ? jsonLine(decision) : decisionSentence(decision));
    after = decisions.at(-1)?.seq ?? after;
    const { state, totals, headline, facts, ended } = summary;
    const lines =
      options.json === true
        ? [jsonLine({ state, totals, headline, facts })]
        : [headlineSentence(headline), ...facts.map((fact) => `- ${factSentence(fact)}`)];
    for (const line of lines) if (!said.includes(line)) io.out(line);
    said = lines;
    if (ended !== undefined) {
      io.exitCode = state === "aborted" ? 4 : totals.failed > 0 ? 3 : 0;
      return;
    }
    await sleep(Math.max(1, options.interval) * 1000, undefined, { signal: io.signal });
  }
}

/**
 * Acts on the rollout as it was seen: at the revision that `--revision` names, or as it is shown before the act. If more
 * has changed since, the server refuses, and the new numbers are shown.
 */
async function doAct(context: Context<ActOptions>, act: string): Promise<void> {
  const { connection, options, words, io } = context;
  const [id] = words;
  const { revision, dryRun } = options;
  const without = options.without === undefined ? {} : { without: readQuery("--without", options.without) };
  const seen = await read<RolloutDetails>(context, `${id}`);
  if (options.json !== true) io.out(seenSentence(seen));
  const expect = { rev: revision ?? seen.rev, totals: seen.totals };
  const wish = { act, dry_run: dryRun === true, release: options.release, ...without };
  const body = { ...wish, ...(dryRun !== true && { expect }) };
  const headers = { "idempotency-key": randomUUID() };
  try {
    const answer = await connection.call("POST", `${ROLLOUTS}/${id}/acts`, { body, headers });
    const acted = (await answer.json()) as RolloutActed;
    if (options.json === true) io.out(jsonLine(acted));
    else for (const line of actedSentences(acted, seen.rev)) io.out(line);
  } catch (error) {
    if (error instanceof AgentError && error.detail["code"] === "ROLLOUT_MOVED_ON" && options.json !== true)
      io.err(seenSentence(await read<RolloutDetails>(context, `${id}`)));
    throw error;
  }
}
