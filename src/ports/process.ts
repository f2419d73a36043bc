export interface ProcessLimits {
  /** Wall time until the whole process group is killed. */
  readonly timeoutMs: number;
  /** Bytes kept of stdout and of stderr, each; the rest is read and dropped. */
  readonly maxOutputBytes: number;
  /** A program whose standard output is longer than that is ended, and the run rejects with PROCESS_OUTPUT. */
  readonly endsWithOutput?: boolean;
  /** Folder that the program starts in; the agent's own when absent. */
  readonly cwd?: string;
  /** Time between SIGTERM and SIGKILL, in milliseconds. */
  readonly graceMs?: number;
  /** What the program leaves running when it ends by itself goes on; absent: it is killed. */
  readonly leavesOthers?: boolean;
  /**
   * Gets each line as it comes, without its end; a long line comes in pieces of up to `maxOutputBytes`. Bytes that
   * are no UTF-8 come as U+FFFD.
   */
  onLine?(stream: "stdout" | "stderr", line: string): void;
  /**
   * Gets standard output as bytes, in place of the result's `stdout`, which is empty then. The next chunk comes when it
   * has resolved, and the program waits meanwhile. Does not reject.
   */
  onOutput?(chunk: Uint8Array): Promise<void>;
}

export interface ProcessResult {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs: never through a shell, and never leaving one of the group behind unasked. */
export interface Process {
  /**
   * @param argv program (a path, or a name looked up in PATH) and its arguments
   * @param stdin written and closed; without it the program reads end of file. Of a stream, a chunk is asked for when
   * the one before has been taken, and none after the program has ended or closed its input. One that throws stops the
   * program, and the run rejects with what it threw
   * @throws {AgentError} PROCESS_MISSING, PROCESS_START, PROCESS_TIMEOUT, PROCESS_OUTPUT
   */
  run(
    argv: readonly [string, ...string[]],
    limits: ProcessLimits,
    signal: AbortSignal,
    stdin?: string | AsyncIterable<Uint8Array>,
  ): Promise<ProcessResult>;
}

/** Programs that must not change the machine that they are tried on. */
export interface GuardedProcess extends Process {
  /**
   * @returns whether the program has a root of its own
   * @throws {AgentError} BOARD_UNCONFINED when `run` would refuse the program
   */
  expectToRun(program: string): Promise<boolean>;
}
