export interface ProcessLimits {
  /** Wall time until the whole process group is killed. */
  readonly timeoutMs: number;
  /** Bytes kept of stdout and of stderr, each; the rest is read and dropped. */
  readonly maxOutputBytes: number;
}

export interface ProcessResult {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs: never through a shell, and never leaving one of the group behind. */
export interface Process {
  /**
   * @param argv program (a path, or a name looked up in PATH) and its arguments
   * @param stdin written and closed; without it the program reads end of file
   * @throws {AgentError} PROCESS_MISSING, PROCESS_TIMEOUT
   */
  run(
    argv: readonly [string, ...string[]],
    limits: ProcessLimits,
    signal: AbortSignal,
    stdin?: string,
  ): Promise<ProcessResult>;
}
