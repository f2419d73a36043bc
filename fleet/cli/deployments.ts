import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import { findDynamic } from "./groups.ts";
import { readPlan } from "./read-plan.ts";
import { ago } from "./table.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const DEPLOYMENTS_V2 = "/api/management/v2/deployments/deployments";

interface Deployment {
  readonly id: string;
  readonly name: string;
  readonly artifact_name: string;
  readonly status: string;
  readonly created: string;
  readonly finished?: string;
  readonly device_count: number;
}

interface DeviceRow {
  readonly id: string;
  readonly status: string;
  readonly substate?: string;
  readonly finished?: string;
  readonly log: boolean;
}

/** Statuses in which a device is neither done nor under way. */
const PROBLEMS = ["failure"];

export function registerDeployments(program: Command, io: CliIo): void {
  const deployments = program.command("deployments").description("deployments: which devices get which release");
  deployments
    .command("create")
    .description("deploy a release to devices")
    .requiredOption("--name <name>", "name of the deployment, for people")
    .requiredOption("--release <name>", "release to deploy: the name in its Artifacts")
    .option("--device <id...>", "to these devices")
    .option("--group <name>", "to the devices of this group")
    .option("--filter <name>", "to the devices of this dynamic group, also those that match later")
    .option("--fixed", "with --filter: only to the devices that match now")
    .option("--all", "to all accepted devices")
    .option("--retries <number>", "how often a device may try again", number)
    .option("--force", "install also where the release is installed already")
    .option("--plan <file>", "JSON file with its waves and limits; 'rollouts estimate' says what they look like")
    .option("--watch", "then watch it to its end, as 'deployments watch' does")
    .addHelpText(
      "after",
      examples(
        "deployments create --name july --release release-7 --group beta",
        "deployments create --name july --release release-7 --device DEVICE_ID --watch",
        "deployments create --name july --release release-7 --all",
        "deployments create --name boards --release release-7 --filter old-boards",
        "deployments create --name august --release release-7 --all --plan plan.json",
      ),
    )
    .action(withServer<CreateOptions>(io, create));
  deployments
    .command("list")
    .description("list deployments, the newest first")
    .option("--status <status>", "only pending, inprogress, finished or aborted ones")
    .option("--limit <number>", "list at most so many", number, 100)
    .addHelpText("after", examples("deployments list", "deployments list --status inprogress"))
    .action(withServer<{ status?: string; limit: number }>(io, list));
  deployments
    .command("show")
    .description("show a deployment and how many devices stand where")
    .argument("<deployment>", "id of the deployment")
    .option("--devices", "list its devices as well")
    .addHelpText("after", examples("deployments show DEPLOYMENT_ID --devices"))
    .action(withServer<{ devices?: true }>(io, show));
  deployments
    .command("watch")
    .description("show the progress of a deployment until it has ended")
    .argument("<deployment>", "id of the deployment")
    .option("--interval <seconds>", "how often to look", number, 2)
    .addHelpText("after", `${WATCH_EXIT}${examples("deployments watch DEPLOYMENT_ID")}`)
    .action(withServer<{ interval: number }>(io, watch));
  deployments
    .command("abort")
    .description("abort a deployment: devices that have not finished do not go on")
    .argument("<deployment>", "id of the deployment")
    .addHelpText("after", examples("deployments abort DEPLOYMENT_ID"))
    .action(withServer(io, abort));
  deployments
    .command("logs")
    .description("print the log of a device")
    .argument("<deployment>", "id of the deployment")
    .argument("<device>", "id of the device")
    .addHelpText("after", examples("deployments logs DEPLOYMENT_ID DEVICE_ID"))
    .action(withServer(io, logs));
}

const WATCH_EXIT = `
Exit status:
  0  every device has the release
  1  the command failed
  3  the deployment has ended, and at least one device failed
  4  the deployment was aborted
`;

interface CreateOptions {
  readonly name: string;
  readonly release: string;
  readonly device?: readonly string[];
  readonly group?: string;
  readonly filter?: string;
  readonly fixed?: true;
  readonly all?: true;
  readonly retries?: number;
  readonly force?: true;
  readonly plan?: string;
  readonly watch?: true;
}

function number(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

async function create(context: Context<CreateOptions>): Promise<void> {
  const { name, release, device, group, filter, fixed, all, retries, force, plan, watch: watches } = context.options;
  const targets = [device, group, filter, all].filter((target) => target !== undefined).length;
  if (targets !== 1)
    throw new AgentError("OPTION_INVALID", {
      ...{ option: "--device, --group, --filter, --all", expected: "exactly one of them" },
    });
  const dynamic = filter === undefined ? undefined : await findDynamic(context.connection, filter);
  if (filter !== undefined && dynamic === undefined)
    throw new AgentError("OPTION_INVALID", { option: "--filter", value: filter, expected: "a dynamic group" });
  const body = {
    ...{ name, artifact_name: release },
    ...(device !== undefined && { devices: device }),
    ...(dynamic !== undefined && { filter_id: dynamic.id, dynamic: fixed !== true }),
    ...(all !== undefined && { all_devices: true }),
    ...(retries !== undefined && { retries }),
    ...(force !== undefined && { force_installation: true }),
    ...(plan !== undefined && planFields(plan)),
  };
  const ofGroup = group === undefined ? DEPLOYMENTS : `${DEPLOYMENTS}/group/${encodeURIComponent(group)}`;
  const path = dynamic === undefined ? ofGroup : DEPLOYMENTS_V2;
  const answer = await context.connection.call("POST", path, { body });
  const id = answer.header("location")?.split("/").at(-1) ?? "";
  context.io.out(context.options.json === true ? jsonLine({ id }) : id);
  if (watches === true) await follow(context, id, 2);
}

function planFields(path: string): object {
  const plan = readPlan(path);
  return "phases" in plan ? { phases: plan["phases"], max_devices: plan["max_devices"] } : { rollout: plan };
}

async function list(context: Context<{ status?: string; limit: number }>): Promise<void> {
  const { status, limit } = context.options;
  const rows = await pagesOf<Deployment>(context.connection, DEPLOYMENTS, { status, sort: "desc" }, limit);
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "release", value: (one) => one.artifact_name },
    { title: "status", value: (one) => one.status },
    { title: "devices", value: (one) => one.device_count, right: true },
    { title: "age", value: ({ created }) => ago(created, now), right: true },
  ]);
}

async function show(context: Context<{ devices?: true }>): Promise<void> {
  const { connection, words, options } = context;
  const [id] = words;
  const deployment = (await (await connection.call("GET", `${DEPLOYMENTS}/${id}`)).json()) as Deployment;
  const counts = await countsOf(context, id);
  printOne(context, { ...deployment, counts }, [
    { title: "id", value: (one) => one.id },
    { title: "name", value: ({ name }) => name },
    { title: "release", value: (one) => one.artifact_name },
    { title: "status", value: ({ status }) => status },
    { title: "created", value: ({ created }) => created },
    { title: "finished", value: ({ finished }) => finished },
    { title: "devices", value: (one) => `${one.device_count}: ${sentence(counts)}` },
  ]);
  if (options.devices !== true) return;
  const rows = await pagesOf<DeviceRow>(connection, `${DEPLOYMENTS}/${id}/devices/list`);
  printRows(context, rows, [
    { title: "device", value: (row) => row.id },
    { title: "status", value: ({ status }) => status },
    { title: "substate", value: ({ substate }) => substate },
    { title: "finished", value: ({ finished }) => finished },
    { title: "log", value: ({ log }) => (log ? "yes" : "") },
  ]);
}

type Counts = Readonly<Record<string, number>>;

async function countsOf({ connection }: Context<object>, id: string | undefined): Promise<Counts> {
  return (await (await connection.call("GET", `${DEPLOYMENTS}/${id}/statistics`)).json()) as Counts;
}

/** `12 success, 3 failure`, without what is 0. */
const sentence = (counts: Counts): string =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");

const watch = (context: Context<{ interval: number }>): Promise<void> =>
  follow(context, context.words[0] ?? "", context.options.interval);

/** Prints a line whenever a count changes; on a terminal, in place. */
async function follow(context: Context<object>, id: string, intervalS: number): Promise<void> {
  const { connection, io, options } = context;
  let last = "";
  for (;;) {
    const { status } = (await (await connection.call("GET", `${DEPLOYMENTS}/${id}`)).json()) as Deployment;
    const counts = await countsOf(context, id);
    const line = options.json === true ? jsonLine({ status, counts }) : `${status}: ${sentence(counts)}`;
    const hasEnded = status === "finished" || status === "aborted";
    if (io.stderrIsTerminal && options.json !== true && !hasEnded) io.errRaw(`\r\x1b[K${line}`);
    else if (line !== last) {
      if (io.stderrIsTerminal) io.errRaw("\r\x1b[K");
      io.out(line);
    }
    last = line;
    if (hasEnded) {
      const hasFailed = PROBLEMS.some((problem) => (counts[problem] ?? 0) > 0);
      io.exitCode = status === "aborted" ? 4 : hasFailed ? 3 : 0;
      return;
    }
    await sleep(Math.max(1, intervalS) * 1000, undefined, { signal: io.signal });
  }
}

async function abort(context: Context<object>): Promise<void> {
  const [id] = context.words;
  await context.connection.call("PUT", `${DEPLOYMENTS}/${id}/status`, { body: { status: "aborted" } });
  done(context, `${id} is aborted.`);
}

async function logs(context: Context<object>): Promise<void> {
  const [id, device] = context.words;
  const text = await (await context.connection.call("GET", `${DEPLOYMENTS}/${id}/devices/${device}/log`)).text();
  for (const line of text.trimEnd().split("\n")) context.io.out(line);
}
