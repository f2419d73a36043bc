import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { isJsonObject } from "../../src/util/json-object.ts";
import { readEvents, type StreamedEvent } from "../client/event-stream.ts";
import { type Context, done, examples, withServer } from "./command.ts";

const EVENTS = "/api/management/v1/events";
const RETRY_MS = 2000;

const NOTES = `
It goes on by itself after a break. With --state, a later run goes on after the last event that this one has printed: no
event is left out as long as the server keeps it, and one may come twice. 'resync' says that some are not kept any more.
`;

export function registerEvents(program: Command, io: CliIo): void {
  const events = program.command("events").description("what happens, as it happens");
  events
    .command("watch")
    .description("print events until Ctrl-C: devices, deployments, waves, records of the audit log")
    .option("--topics <names>", "only these, as names or their first words: device,deployment-finished")
    .option("--after <number>", "begin with what came after this event; default: with what is new", wholeNumber)
    .option("--state <file>", "keep the number of the last event in this file, and begin there")
    .option("--count <number>", "end after so many events", wholeNumber)
    .addHelpText(
      "after",
      `${NOTES}${examples("events watch --topics deployment,rollout", "events watch --after 0 --count 1 --json --state last-event")}`,
    )
    .action(withServer<WatchOptions>(io, watch));
}

interface WatchOptions {
  readonly topics?: string;
  readonly after?: number;
  readonly state?: string;
  readonly count?: number;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

async function watch(context: Context<WatchOptions>): Promise<void> {
  const { connection, options, io } = context;
  const { topics, state, count = Number.POSITIVE_INFINITY } = options;
  let last = options.after ?? (state === undefined ? undefined : readState(state));
  let left = count;
  while (left > 0) {
    try {
      const headers = { accept: "text/event-stream", ...(last !== undefined && { "last-event-id": String(last) }) };
      const { stream } = await connection.call("GET", EVENTS, { query: { topics }, headers, signal: io.signal });
      const reached = (number: number): void => {
        if (state !== undefined && number !== last) writeState(state, number);
        last = number;
      };
      for await (const event of readEvents(stream, reached)) {
        print(context, event);
        // Counts of running deployments are no events: the next ones say it all again.
        if (event.number !== undefined) left -= 1;
        if (left > 0) continue;
        if (event.number !== undefined) reached(event.number);
        stream.destroy();
        return;
      }
    } catch (error) {
      io.signal.throwIfAborted();
      if (!isPassing(error)) throw error;
    }
    done(context, last === undefined ? "The stream broke." : `The stream broke. It goes on after event ${last}.`);
    await sleep(RETRY_MS, undefined, { signal: io.signal });
  }
}

/** Whether trying again may help. Whatever is no refusal is a connection that broke. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof AgentError)) return true;
  const status = Number(error.detail["status"]);
  return error.code === "FLEET_UNREACHABLE" || (error.code === "FLEET_REFUSED" && (status === 429 || status >= 500));
}

function print({ options, io }: Context<WatchOptions>, { number, type, data }: StreamedEvent): void {
  const message: unknown = JSON.parse(data);
  if (options.json === true) {
    io.out(jsonLine({ number, type, ...(isJsonObject(message) ? message : { data: message }) }));
    return;
  }
  const { time, data: said } = isJsonObject(message) && "time" in message ? message : { time: "", data: message };
  const facts = Object.entries(isJsonObject(said) ? said : {})
    .filter(([, value]) => typeof value !== "object")
    .map(([name, value]) => `${name}=${String(value)}`);
  io.out([String(time), type, ...facts].filter((part) => part !== "").join("  "));
}

function readState(path: string): number | undefined {
  try {
    const text = readFileSync(path, "utf8").trim();
    if (!/^\d{1,15}$/.test(text)) throw new AgentError("OPTION_INVALID", { option: "--state", value: path });
    return Number(text);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw cause instanceof AgentError
      ? cause
      : new AgentError("OPTION_INVALID", { option: "--state", value: path }, cause);
  }
}

function writeState(path: string, number: number): void {
  try {
    writeFileSync(`${path}.new`, `${number}\n`);
    renameSync(`${path}.new`, path);
  } catch (cause) {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  }
}
