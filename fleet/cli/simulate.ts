import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Summary } from "../simulate/figures.ts";
import { simulate } from "../simulate/simulate.ts";
import type { GlobalOptions } from "./session.ts";

interface SimulateOptions extends GlobalOptions {
  readonly devices: number;
  readonly tenantToken?: string;
  readonly interval: number;
  readonly ramp: number;
  readonly duration?: number;
  readonly type: string;
  readonly failures: number;
  readonly otherType?: readonly [type: string, percent: number];
  readonly failingType?: string;
  readonly failureLine: string;
  readonly step: number;
  readonly attributes: number;
  readonly connections: number;
  readonly download?: true;
  readonly seed: string;
}

export function registerSimulate(program: Command, io: CliIo): void {
  program
    .command("simulate")
    .description("play a fleet: devices with keys, polls, inventory and downloads, which install nothing")
    .requiredOption("--devices <number>", "how many devices", whole(1, 1_000_000))
    .option("--tenant-token <token>", "tenant token that the devices send")
    .option("--interval <seconds>", "time between two polls of a device", whole(1, 86_400), 30)
    .option("--ramp <seconds>", "time over which the devices appear; default: one interval", whole(0, 86_400))
    .option("--duration <seconds>", "end after this time; default: at Ctrl-C", whole(1, 10_000_000))
    .option("--type <name>", "device type", "simulated")
    .option("--failures <percent>", "how many of all installations fail", whole(0, 100), 0)
    .option("--other-type <name=percent>", "so many devices are of this type instead", typePart)
    .option("--failing-type <name>", "installations fail on all devices of this type")
    .option(
      "--failure-line <text>",
      "what those devices log; '{n}' is the number of the device",
      "cannot start board {n}",
    )
    .option("--step <seconds>", "how long a download, an installation and a reboot take, each", whole(0, 86_400), 5)
    .option("--attributes <number>", "inventory attributes beyond the usual ones", whole(0, 500), 0)
    .option("--connections <number>", "connections that the devices share", whole(1, 10_000), 50)
    .option("--download", "download each Artifact whole, and not only its first KiB")
    .option("--seed <text>", "the same seed gives the same devices", "1")
    .addHelpText("after", EXAMPLES)
    .action(async (_options: unknown, command: Command) => run(command.optsWithGlobals<SimulateOptions>(), io));
}

const EXAMPLES = `
The devices are new to the server. Accept them there, or with 'devices accept --all-pending'.

Examples:
  switchback-fleet simulate --server https://fleet.example.com:8443 --ca ca.pem --devices 1000 --interval 10
  switchback-fleet simulate --server http://127.0.0.1:8080 --devices 100000 --interval 1800 --ramp 60 --failures 5
  switchback-fleet simulate --server http://127.0.0.1:8080 --devices 500 --other-type board-b=8 --failing-type board-b`;

function whole(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };
}

function typePart(text: string): readonly [string, number] {
  const [, type, percent] = /^([^=]{1,256})=(\d{1,3})$/.exec(text) ?? [];
  if (type === undefined || Number(percent) > 100)
    throw new InvalidArgumentError("It must be a device type and a percentage, as board-b=8.");
  return [type, Number(percent)];
}

const failingOf = (type: string, line: string) => ({
  type,
  line: (device: number): string => line.replaceAll("{n}", String(device)),
});

async function run(options: SimulateOptions, io: CliIo): Promise<void> {
  const server = options.server ?? io.env["SWITCHBACK_SERVER"];
  if (server === undefined) throw new AgentError("FLEET_NO_SERVER");
  const simulation = simulate(
    {
      ...{ url: urlFrom(server), ca: authority(options.ca ?? io.env["SWITCHBACK_CA"]), skipVerify: options.skipVerify },
      ...{ connections: options.connections, devices: options.devices, rampS: options.ramp ?? options.interval },
      ...{ durationS: options.duration, intervalS: options.interval, tenantToken: options.tenantToken },
      ...{ deviceType: options.type, failures: options.failures / 100, stepS: options.step, seed: options.seed },
      ...(options.otherType !== undefined && { otherTypes: { [options.otherType[0]]: options.otherType[1] / 100 } }),
      ...(options.failingType !== undefined && { failing: failingOf(options.failingType, options.failureLine) }),
      ...{ download: options.download === true, attributes: options.attributes },
    },
    io.signal,
  );
  const timer = io.stderrIsTerminal
    ? setInterval(() => io.errRaw(`\r\x1b[K${shortLine(simulation.summary())}`.slice(0, io.stderrColumns ?? 80)), 1000)
    : undefined;
  const summary = await simulation.ended;
  clearInterval(timer);
  if (timer !== undefined) io.errRaw("\r\x1b[K");
  if (options.json === true) return io.out(jsonLine(summary));
  for (const [name, count] of Object.entries(summary.counts)) io.out(`${name}: ${count}`);
  for (const [kind, { p50, p95, p99, max }] of Object.entries(summary.latencyMs))
    io.out(`${kind}: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, longest ${max} ms`);
}

const shortLine = ({ counts }: Summary): string =>
  [
    "authentication: 200",
    "poll: 204",
    "poll: 200",
    "deployments: installed",
    "deployments: failed",
    "errors: connection",
  ]
    .filter((name) => counts[name] !== undefined)
    .map((name) => `${name} ${counts[name]}`)
    .join(", ");

function urlFrom(server: string): URL {
  if (!URL.canParse(server) || !/^https?:/.test(server))
    throw new AgentError("OPTION_INVALID", { option: "--server", value: server, expected: "https://HOST:PORT" });
  return new URL(server);
}

function authority(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--ca", value: path }, cause);
  }
}
