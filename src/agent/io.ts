import type { Host } from "./host.ts";

/** What a command may touch of the process it runs in; tests bring their own. */
export interface CliIo {
  /** Writes a line to stdout: results only. Like `err`, it escapes what would steer a terminal or begin a new line. */
  out(line: string): void;
  /** The same for a part of a line, which `out` ends. */
  outPart(text: string): void;
  /** Writes a line to stderr: progress, logs, errors. */
  err(line: string): void;
  /** Raw text to stderr, for redrawing a progress bar. */
  errRaw(text: string): void;
  readonly stderrIsTerminal: boolean;
  /** Width of that terminal in characters, where it is known. */
  readonly stderrColumns?: number | undefined;
  /** Asks a person and waits for a line, which is not shown when it is a secret; absent without a terminal. */
  readonly ask?: ((question: string, isSecret?: boolean) => Promise<string>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT, SIGTERM and SIGQUIT; by SIGHUP where there is a terminal to lose, and so not under `nohup`. */
  readonly signal: AbortSignal;
  /** Calls `listener` whenever this process gets `signal`; absent where no process is at hand. */
  onSignal?(signal: "SIGUSR1" | "SIGUSR2", listener: () => void): void;
  /** Says that this process stays and does next to nothing: what it runs need not be fast; absent where others run too. */
  staysIdle?(): void;
  /** What starts this program once more as it was started: a program and its arguments. */
  readonly commandLine: readonly string[];
  /** The device that is worked on, where it is another than the one that this process runs on. */
  readonly host?: Host;
  /** Results did not reach stdout, because it is full or broken. A reader that has gone away does not count. */
  readonly hasLostResults?: boolean;
  /** Exit status of the process; 0 unless a command sets it or throws. */
  exitCode: number;
}
