import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { RolloutEstimate } from "../../src/protocol/api/rollout-estimates.ts";
import { shownTime } from "../../src/protocol/words/numbers.ts";
import { registerCauses } from "./causes.ts";
import { type Context, examples, printRows, withServer } from "./command.ts";
import { registerDownloadLimits } from "./download-limits.ts";
import { estimateSentences } from "./estimate-sentences.ts";
import { readPlan } from "./read-plan.ts";
import { registerRolloutActs } from "./rollout-acts.ts";

const ESTIMATE = "/api/management/v2/deployments/rollouts/estimate";

export function registerRollouts(program: Command, io: CliIo): void {
  const rollouts = program.command("rollouts").description("rollouts: how a release reaches its devices, wave by wave");
  rollouts
    .command("estimate")
    .description("say when the waves of a plan would open and end, and what it would need at its peak")
    .requiredOption("--plan <file>", "JSON file with the waves and limits, or with the phases of a Mender deployment")
    .requiredOption("--release <name>", "release: its largest Artifact is what each device downloads")
    .option("--all", "for all accepted devices")
    .option("--group <name>", "for the devices of this group")
    .option("--devices <number>", "for so many devices", positive)
    .option("--start <time>", "when it starts, as 2026-06-01T08:00:00Z; default: now")
    .option(
      "--poll-interval <seconds>",
      "how often a device polls; default: what the devices have shown, else 1800",
      positive,
    )
    .option("--update-time <seconds>", "how long an update takes on a device; default: 600", positive)
    .option("--line-rate <bytes>", "bytes that one device downloads in a second; default: 1000000", positive)
    .option("--failures <percent>", "how many updates fail, in per cent; default: 0", percent)
    .addHelpText(
      "after",
      `
An estimate changes nothing. 'deployments create --plan' runs a plan.

PLAN: {"waves": [{"percent": 1, "gate": {"success_pct": 95, "soak_s": 3600}}, {"rest": true}],
       "halt": {"failure_pct": 5}, "rate_per_minute": 1000}
${examples(
  "rollouts estimate --plan plan.json --release release-7 --all",
  "rollouts estimate --plan plan.json --release release-7 --devices 10000 --failures 2 --json",
)}`,
    )
    .action(withServer<EstimateOptions>(io, estimate));
  registerDownloadLimits(rollouts, io);
  registerRolloutActs(rollouts, io);
  registerCauses(rollouts, io);
}

interface EstimateOptions {
  readonly plan: string;
  readonly release: string;
  readonly all?: true;
  readonly group?: string;
  readonly devices?: number;
  readonly start?: string;
  readonly pollInterval?: number;
  readonly updateTime?: number;
  readonly lineRate?: number;
  readonly failures?: number;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of at least 1.");
  return Number(text);
}

function percent(text: string): number {
  if (!/^\d{1,3}(?:\.\d+)?$/.test(text) || Number(text) > 100)
    throw new InvalidArgumentError("It must be a number from 0 to 100.");
  return Number(text);
}

async function estimate(context: Context<EstimateOptions>): Promise<void> {
  const { options, connection, io } = context;
  const targets = [options.all, options.group, options.devices].filter((target) => target !== undefined).length;
  if (targets !== 1)
    throw new AgentError("OPTION_INVALID", { option: "--all, --group, --devices", expected: "exactly one of them" });
  const plan = readPlan(options.plan);
  const body = {
    ...("phases" in plan ? { phases: plan["phases"], max_devices: plan["max_devices"] } : { rollout: plan }),
    ...{ artifact_name: options.release, all_devices: options.all, group: options.group, devices: options.devices },
    ...{ start_at: options.start, poll_interval_s: options.pollInterval, update_s: options.updateTime },
    ...{ line_rate: options.lineRate, failure_pct: options.failures },
  };
  const answer = (await (await connection.call("POST", ESTIMATE, { body })).json()) as RolloutEstimate;
  if (options.json === true) {
    io.out(jsonLine(answer));
    return;
  }
  const rows = answer.waves.map((wave, index) => ({ ...wave, name: `${index + 1} of ${answer.waves.length}` }));
  printRows(context, rows, [
    { title: "wave", value: ({ name }) => name },
    { title: "devices", value: ({ size }) => size, right: true },
    { title: "opens", value: (wave) => shownTime(wave.opens_at) },
    { title: "gate met", value: (wave) => shownTime(wave.gate_met_at) },
    { title: "passed", value: (wave) => shownTime(wave.passed_at) },
    { title: "ends", value: (wave) => shownTime(wave.ends_at) },
  ]);
  for (const sentence of estimateSentences(answer)) io.out(sentence);
}
