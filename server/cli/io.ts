/** What commands use of their process. Tests bring their own. */
export interface ServerIo {
  /** A line of results. */
  out(line: string): void;
  /** A line for people: progress and errors. */
  err(line: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where `start` writes its log. */
  readonly logTo: { write(line: string): void };
  /** Calls `listener` at each signal that asks the process to end. */
  onSignal(listener: (name: string) => void): void;
  /** Ends the process at once. */
  exit(status: number): void;
  exitCode: number;
}
