import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { jsonLine } from "../../src/cli/one-line.ts";
import type { Connection } from "../client/connection.ts";
import { isMenderCli } from "./mender-format.ts";
import { connect, type GlobalOptions } from "./session.ts";
import { type Column, tableLines } from "./table.ts";

/** What the action of a command gets. */
export interface Context<Options> {
  readonly options: Options & GlobalOptions;
  readonly connection: Connection;
  readonly io: CliIo;
  /** Whether the program was called `mender-cli`, and prints as that one does. */
  readonly isMender: boolean;
  /** The arguments that are no options. */
  readonly words: readonly string[];
}

/** Makes the action of a command that talks to the server as someone who has logged in. */
export function withServer<Options extends object = object>(
  io: CliIo,
  act: (context: Context<Options>) => Promise<void>,
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals() as Options & GlobalOptions;
    await act({ options, connection: connect(options, io), io, words: command.args, isMender: isMenderCli(command) });
  };
}

/** Prints rows: as a table, or with `--json` as the server gave them. */
export function printRows<Row>(
  { options, io }: Context<object>,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  if (options.json === true) io.out(jsonLine(rows));
  else if (rows.length === 0) io.err("There is none.");
  else
    for (const line of tableLines(
      rows,
      columns,
      io.env["COLUMNS"] === undefined ? undefined : Number(io.env["COLUMNS"]),
    ))
      io.out(line);
}

/** Prints one thing: its members below each other, or with `--json` as the server gave it. */
export function printOne<Thing>(
  { options, io }: Context<object>,
  thing: Thing,
  members: readonly Column<Thing>[],
): void {
  if (options.json === true) {
    io.out(jsonLine(thing));
    return;
  }
  const width = Math.max(...members.map(({ title }) => title.length));
  for (const { title, value } of members) {
    const text = value(thing);
    if (text !== undefined && text !== "") io.out(`${`${title}:`.padEnd(width + 1)} ${text}`);
  }
}

/** Says what was done, on standard error, so that standard output has results only. */
export const done = ({ io }: Context<object>, sentence: string): void => io.err(sentence);

/** The end of a help text. */
export const examples = (...lines: readonly string[]): string =>
  `\n${["Examples:", ...lines.map((line) => `  switchback-fleet ${line}`)].join("\n")}`;
