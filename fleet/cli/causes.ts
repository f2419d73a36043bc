import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { printable } from "../../src/errors/agent-error.ts";
import type { FailureCauses } from "../../src/protocol/api/rollout-views.ts";
import { causeText } from "../../src/protocol/words/rollout-words.ts";
import { type Context, examples, withServer } from "./command.ts";

type Cause = FailureCauses[number];

export function registerCauses(rollouts: Command, io: CliIo): void {
  rollouts
    .command("causes")
    .description("say why devices failed, and what they share that others lack")
    .argument("<deployment>", "id of the deployment; it needs no plan")
    .option("--limit <number>", "show at most so many causes, up to 10", "5")
    .addHelpText("after", examples("rollouts causes ROLLOUT_ID"))
    .action(withServer<{ limit: string }>(io, causes));
}

async function causes({ connection, options, words, io }: Context<{ limit: string }>): Promise<void> {
  const path = `/api/management/v2/deployments/rollouts/${words[0]}/causes?limit=${encodeURIComponent(options.limit)}`;
  const found = (await (await connection.call("GET", path)).json()) as FailureCauses;
  if (options.json === true) io.out(jsonLine(found));
  else if (found.length === 0) io.out("No device has failed.");
  else for (const line of found.flatMap(causeLines)) io.out(line);
}

/** A cause in words: its count, what its devices share, and an example. */
function causeLines({ count, example, factors, is_sampled: isSampled, ...cause }: Cause): string[] {
  const [strongest, ...others] = factors;
  return [
    `${count.toLocaleString("en")} ${count === 1 ? "device" : "devices"}: ${causeText(cause.kind, printable(cause.signature))}`,
    ...(strongest === undefined
      ? []
      : [
          `  ${factorText(strongest)}${isSampled ? " (of a sample)" : ""}`,
          ...others.map((one) => `  ${factorText(one)}`),
        ]),
    ...(example?.line === undefined ? [] : [`  ${example.device} said: ${printable(example.line)}`]),
  ];
}

const factorText = ({ attribute, value, failed, succeeded }: Cause["factors"][number]): string =>
  `${failed.have} of ${failed.of} that failed have ${printable(attribute)} ${printable(value)}, ` +
  `and ${succeeded.have} of ${succeeded.of} that succeeded.`;
