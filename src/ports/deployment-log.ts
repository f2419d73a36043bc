/** The logs of the last deployments, one file each. They survive the process; what came last may not survive power loss. */
export interface DeploymentLogs {
  /**
   * Opens the log of a deployment: a new one, or the one that it had before a restart, to go on. Logs of deployments
   * that are too old are removed.
   *
   * @throws {AgentError} DEPLOYMENT_LOG
   */
  open(deploymentId: string): Promise<DeploymentLogFile>;
}

export interface DeploymentLogFile {
  /** Writes whole lines, each with its end. A line that cannot be written is lost, and nothing else. */
  append(lines: string): void;
  /**
   * The end of what has been written, at most `maxBytes` of it.
   *
   * @throws {AgentError} DEPLOYMENT_LOG
   */
  tail(maxBytes: number): Promise<{ readonly text: string; readonly isCut: boolean }>;
  close(): Promise<void>;
}
