import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import type { DownloadLimits } from "../../src/protocol/api/rollouts.ts";
import { type Context, examples, printOne, withServer } from "./command.ts";
import { megabytes } from "./table.ts";

const URL = "/api/management/v2/deployments/download_limits";

interface LimitOptions {
  readonly total?: number | "none";
  readonly perSite?: number | "none";
  readonly ipv4Prefix?: number;
  readonly ipv6Prefix?: number;
}

export function registerDownloadLimits(rollouts: Command, io: CliIo): void {
  rollouts
    .command("limits")
    .description("show or change how many bytes devices may download in a second, for all deployments together")
    .option("--total <bytes>", "bytes a second for all devices, or 'none'", byteRate)
    .option("--per-site <bytes>", "bytes a second for each site, or 'none'", byteRate)
    .option("--ipv4-prefix <bits>", "devices are at one site if their addresses share so many first bits", bits)
    .option("--ipv6-prefix <bits>", "the same for IPv6", bits)
    .addHelpText(
      "after",
      `
What you leave out stays. A device whose download would be too much waits, and gets the release at a later poll.
${examples("rollouts limits", "rollouts limits --total 50000000 --per-site 2000000", "rollouts limits --per-site none")}`,
    )
    .action(withServer<LimitOptions>(io, limits));
}

function byteRate(text: string): number | "none" {
  if (text === "none") return text;
  if (!/^[1-9]\d{3,12}$/.test(text) || Number(text) < 1024)
    throw new InvalidArgumentError("It must be a whole number of at least 1024, or 'none'.");
  return Number(text);
}

function bits(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError("It must be a number of bits.");
  return Number(text);
}

async function limits(context: Context<LimitOptions>): Promise<void> {
  const { total, perSite, ipv4Prefix, ipv6Prefix } = context.options;
  const before = await read(context);
  if ([total, perSite, ipv4Prefix, ipv6Prefix].every((one) => one === undefined)) return show(context, before);
  const all = total ?? before.bytes_per_second;
  const each = perSite ?? before.site_bytes_per_second;
  const body = {
    ...(typeof all === "number" && { bytes_per_second: all }),
    ...(typeof each === "number" && { site_bytes_per_second: each }),
    ...{ ipv4_prefix: ipv4Prefix ?? before.ipv4_prefix, ipv6_prefix: ipv6Prefix ?? before.ipv6_prefix },
  };
  await context.connection.call("PUT", URL, { body });
  show(context, await read(context));
}

const read = async ({ connection }: Context<LimitOptions>): Promise<DownloadLimits> =>
  (await (await connection.call("GET", URL)).json()) as DownloadLimits;

function show(context: Context<LimitOptions>, limits: DownloadLimits): void {
  const rate = (bytes: number | undefined): string => (bytes === undefined ? "no limit" : `${megabytes(bytes)}/s`);
  printOne(context, limits, [
    { title: "total", value: (one) => rate(one.bytes_per_second) },
    { title: "per site", value: (one) => rate(one.site_bytes_per_second) },
    { title: "site", value: (one) => `/${one.ipv4_prefix} of IPv4, /${one.ipv6_prefix} of IPv6` },
  ]);
}
