import type { Host } from "./host.ts";

/** What a command may use of the process it runs in. Tests bring their own. */
export interface CliIo {
  /** Writes a line of results to stdout. Like `err`, it escapes control characters and line breaks. */
  out(line: string): void;
  /** Writes part of a line, which `out` ends. */
  outPart(text: string): void;
  /** Writes a line to stderr: progress, logs, errors. */
  err(line: string): void;
  /** Raw text to stderr, for redrawing a progress bar. */
  errRaw(text: string): void;
  readonly stderrIsTerminal: boolean;
  /** Width of that terminal in characters, if known. */
  readonly stderrColumns?: number | undefined;
  /** Asks a person and waits for a line; hides the input if it is a secret. Absent without a terminal. */
  readonly ask?: ((question: string, isSecret?: boolean) => Promise<string>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT, SIGTERM and SIGQUIT, and by SIGHUP if a terminal can be lost (so not under `nohup`). */
  readonly signal: AbortSignal;
  /** Calls `listener` whenever this process receives `signal`. Absent if commands share the process, as in tests. */
  onSignal?(signal: "SIGUSR1" | "SIGUSR2", listener: () => void): void;
  /** Lets this process run slowly, because it stays resident and nearly idle. Absent if commands share the process. */
  staysIdle?(): void;
  /** Program and arguments that start this program again as it was started. */
  readonly commandLine: readonly string[];
  /** The device to work on, if it is not the one that this process runs on. */
  readonly host?: Host;
  /** Whether results did not reach stdout because it is full or broken. A reader that closed its end does not count. */
  readonly hasLostResults?: boolean;
  /** Exit status of the process; 0 unless a command sets it or throws. */
  exitCode: number;
}
