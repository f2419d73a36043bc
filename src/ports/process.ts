export interface ProcessLimits {
  /** Wall time until the whole process group is killed. */
  readonly timeoutMs: number;
  /** Bytes kept of stdout and of stderr, each; the rest is read and dropped. */
  readonly maxOutputBytes: number;
  /** Stops a program whose standard output exceeds the limit; the run then rejects with PROCESS_OUTPUT. */
  readonly endsWithOutput?: boolean;
  /** The program's working directory; the agent's own if absent. */
  readonly cwd?: string;
  /** Time between SIGTERM and SIGKILL, in milliseconds. */
  readonly graceMs?: number;
  /** Leaves the program's background processes running when it exits by itself. If absent, they are killed. */
  readonly leavesOthers?: boolean;
  /**
   * Receives each line without its line end. A long line arrives in pieces of up to `maxOutputBytes`. Bytes that are
   * not valid UTF-8 become U+FFFD.
   */
  onLine?(stream: "stdout" | "stderr", line: string): void;
  /**
   * Receives standard output as bytes; the result's `stdout` is then empty. The program waits until the promise
   * resolves before the next chunk. Must not reject.
   */
  onOutput?(chunk: Uint8Array): Promise<void>;
}

export interface ProcessResult {
  /** `undefined` if a signal ended the program. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs without a shell. Leaves no process of a program's group running, except on request. */
export interface Process {
  /**
   * @param argv program (a path, or a name looked up in PATH) and its arguments
   * @param stdin text or stream for the program's input, which is then closed; absent: the input is empty. A stream
   * delivers a chunk when the program has taken the one before, and stops when the program ends or closes its input. If
   * the stream throws, the program is stopped and the run rejects with that error
   * @throws {AgentError} PROCESS_MISSING, PROCESS_START, PROCESS_TIMEOUT, PROCESS_OUTPUT
   */
  run(
    argv: readonly [string, ...string[]],
    limits: ProcessLimits,
    signal: AbortSignal,
    stdin?: string | AsyncIterable<Uint8Array>,
  ): Promise<ProcessResult>;
}

/** Runs programs that must not change the host machine, when it stands in for a board. */
export interface GuardedProcess extends Process {
  /**
   * @returns whether the program runs under a separate root directory
   * @throws {AgentError} BOARD_UNCONFINED when `run` would refuse the program
   */
  expectToRun(program: string): Promise<boolean>;
}
