import { statSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Verdict } from "../../agent/check/adapter-check.ts";
import type { AdapterKind } from "../../agent/check/examination.ts";
import type { CliIo } from "../../agent/io.ts";
import type { AdapterChoice } from "../../config/adapter-choice.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { isJsonObject } from "../../util/json-object.ts";
import { jsonLine } from "../one-line.ts";

interface CheckOptions {
  readonly kind: AdapterKind;
  readonly options?: string;
  readonly firmware?: string;
  readonly payload?: string;
  readonly only?: string;
  readonly timeout: string;
  readonly json?: true;
  readonly onThisMachine?: true;
  readonly watched?: true;
}

export function registerCheck(adapter: Command, io: CliIo): void {
  adapter
    .command("check")
    .description("check an adapter against every promise, and cut the power at each of its writes")
    .argument("<adapter>", "JavaScript module (.js, .mjs, .cjs, or the name of a package), or any other program")
    .addOption(
      new Option("--kind <kind>", "purpose of the adapter")
        .choices(["bootloader", "device", "payload"])
        .default("bootloader"),
    )
    .option("--options <json>", "value of `Options` in the configuration", "{}")
    .option(
      "--firmware <program>",
      "program that plays the board's boot loader at power-on; default: that of the virtual board",
    )
    .option("--payload <file>", "example of a payload, for a handler that does not accept arbitrary bytes")
    .option("--only <text>", "check only promises that contain this text")
    .option("--on-this-machine", "let an update module change this machine")
    .option("--timeout <seconds>", "time limit for each call of the adapter", "60")
    .option("--json", "print one JSON object for each promise")
    .addOption(new Option("--watched").hideHelp())
    .addHelpText("after", EXAMPLE)
    .action(async (path: string, options: CheckOptions) => {
      const { checkAdapter } = await import("../../agent/check/adapter-check.ts");
      expectFile(options.payload, "--payload");
      expectFile(options.firmware, "--firmware");
      const request = {
        kind: options.kind,
        source: sourceOf(path),
        from: process.cwd(),
        options: parseOptions(options.options ?? "{}"),
        only: options.only ?? "",
        onThisMachine: options.onThisMachine === true,
        ...(options.payload !== undefined && { payload: options.payload }),
        ...(options.firmware !== undefined && { firmware: options.firmware }),
        timeoutMs: parseSeconds(options.timeout) * 1000,
      };
      const count = { kept: 0, broken: 0 };
      const show = (verdict: Verdict): void => {
        count[verdict.kept ? "kept" : "broken"] += 1;
        print(verdict, options, io);
      };
      const { checkInChild, reporter } = await import("../../agent/check/watched.ts");
      if ("module" in request.source && options.watched !== true && io.commandLine.length > 0) {
        const { exitCode, stuck } = await checkInChild(io.commandLine, request.timeoutMs, io.signal);
        io.exitCode = exitCode;
        if (stuck === undefined) return;
        Object.assign(count, { kept: stuck.kept, broken: stuck.broken });
        show({ promise: stuck.promise ?? "", kept: false, reason: stuck.reason });
      } else {
        const tell = options.watched === true ? reporter() : undefined;
        for await (const step of checkAdapter(request, io.signal)) {
          if ("kept" in step) show(step);
          else tell?.({ ...step, ...count });
        }
      }
      if (options.json !== true) io.out(`${count.kept} promises kept, ${count.broken} broken.`);
      if (count.broken > 0 || count.kept === 0) io.exitCode = 1;
    });
}

function print({ promise, kept, reason }: Verdict, { json }: CheckOptions, io: CliIo): void {
  if (json === true) {
    io.out(jsonLine({ promise, kept, ...(reason !== undefined && { reason }) }));
    return;
  }
  io.out(`${kept ? "kept  " : "BROKEN"}  ${promise}`);
  if (reason !== undefined) io.out(`        ${shorten(reason)}`);
}

/** @throws {AgentError} CLI_USAGE */
function parseSeconds(text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new AgentError("CLI_USAGE", { option: "--timeout", value: text, reason: "it must be a number of seconds" });
}

/** The name decides what is a module: an executable script can be in any language. @throws {AgentError} CLI_USAGE */
function sourceOf(path: string): AdapterChoice["source"] {
  const isModule = /\.[cm]?js$/.test(path);
  if (isModule || path.includes("/")) expectFile(path, "adapter");
  else if (!isFile(path)) return { module: path };
  return isModule ? { module: resolve(path) } : { program: resolve(path) };
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** @throws {AgentError} CLI_USAGE */
function expectFile(path: string | undefined, option: string): void {
  if (path === undefined || isFile(path)) return;
  throw new AgentError("CLI_USAGE", { option, value: path, reason: "there is no such file" });
}

/** @throws {AgentError} CLI_USAGE */
function parseOptions(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return { ...value };
  } catch {
    // ignored: the error below reports it.
  }
  throw new AgentError("CLI_USAGE", { option: "--options", value: text, reason: "it must be a JSON object" });
}

/** A failed comparison prints a diagram of several lines. Only its first lines say what was compared. */
const shorten = (reason: string): string =>
  reason
    .split("\n")
    .filter((line) => line.trim() !== "")
    .join(" ")
    .slice(0, 300);

const EXAMPLE = `
The adapter works in a folder, $SWITCHBACK_ROOT or context.root, and must keep all its files there. For an update module that
folder is also the root, so that the module cannot change this machine. The check traces programs with strace.

Exit status:
  0  the adapter keeps every promise
  1  a promise is broken, or the check failed

Examples:
  switchback adapter check ./my-board.mjs
  switchback adapter check --kind device ./my-flash.sh
  switchback adapter check ./my-board.sh --firmware ./my-firmware.sh --json`;
