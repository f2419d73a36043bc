import type { CliIo } from "../../agent/io.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { composeTakeover, type Takeover } from "../../agent/takeover.ts";
import { flatProvides } from "../../core/install/provides.ts";
import { giveBack, type TakeoverResult, takeOver } from "../../core/takeover/takeover.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";

export interface TakeoverCommandOptions {
  readonly check?: true;
  readonly undo?: true;
  readonly overwrite?: true;
  readonly json?: true;
}

/** What `takeover` does. The caller holds the locks, unless it only checks. */
export async function takeover(global: GlobalOptions, options: TakeoverCommandOptions, io: CliIo): Promise<void> {
  const isCheck = options.check === true;
  try {
    const device = await composeTakeover(global, io);
    const result =
      options.undo === true
        ? await giveBack(device, { isCheck }, io.signal)
        : await takeOver(device, { isCheck, overwrite: options.overwrite === true }, io.signal);
    print(result, device, options, io);
  } catch (error) {
    if (options.json === true && error instanceof AgentError)
      io.out(jsonLine({ result: "refused", error: { code: error.code, message: describeError(error) } }));
    throw error;
  }
}

type Kind = TakeoverResult["kind"];

const TAKEN: Readonly<Record<Kind, string>> = {
  none: "Nothing to take over: there is no store of a Mender client.",
  already: "Switchback has already taken this device over.",
  done: "Taken over from the Mender client.",
};
const GIVEN: Readonly<Record<Kind, string>> = {
  none: "Nothing to give back: Switchback has not taken this device over.",
  already: "",
  done: "Given back to the Mender client.",
};
const POSSIBLE = "Possible. Nothing was changed.";

function print(
  { kind, record }: TakeoverResult,
  { key, configuration, client }: Takeover,
  { check, undo, json }: TakeoverCommandOptions,
  io: CliIo,
): void {
  const message = kind === "done" && check === true ? POSSIBLE : (undo === true ? GIVEN : TAKEN)[kind];
  const provides = flatProvides(record);
  if (kind === "none") io.exitCode = 2;
  if (json === true) {
    const result = kind === "done" && check === true ? "possible" : kind;
    const deviceKey = { path: key.path, type: key.kind ?? null };
    io.out(jsonLine({ result, message, provides, deviceKey, configuration, store: client.path }));
    return;
  }
  io.out(message);
  if (kind === "none") return;
  for (const [name, value] of Object.entries(provides).sort(([a], [b]) => (a < b ? -1 : 1)))
    io.out(`  ${name}=${value}`);
  io.out(`  device key: ${key.kind === undefined ? "none yet" : `${key.path} (${key.kind})`}`);
  io.out(`  configuration: ${configuration.join(", ") || "none"}`);
}
