import { printable } from "../errors/agent-error.ts";

interface Lines {
  out(line: string): void;
  err(line: string): void;
}

interface Output {
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
  readonly outputError: (text: string, write: (text: string) => void) => void;
}

/** What this needs of a command of `commander`. */
interface Program {
  readonly commands: readonly Program[];
  exitOverride(): unknown;
  configureOutput(output: Output): unknown;
  showHelpAfterError(text: string): unknown;
}

/**
 * Makes a program and all its commands print through `io`, line by line, and throw instead of ending the process. What
 * the user typed cannot send control characters to the terminal.
 */
export function printAlike(program: Program, io: Lines): void {
  program.exitOverride();
  program.configureOutput({
    writeOut: (text) => eachLine(text, (line) => io.out(line)),
    writeErr: (text) => eachLine(text, (line) => io.err(line)),
    outputError: (text, write) => write(printable(text.trimEnd())),
  });
  program.showHelpAfterError("(run with --help for the options)");
  for (const command of program.commands) printAlike(command, io);
}

const eachLine = (text: string, write: (line: string) => void): void => text.trimEnd().split("\n").forEach(write);
