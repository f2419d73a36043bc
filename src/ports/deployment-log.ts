/** The logs of the latest deployments, one file each. They survive a crash; power loss may drop the last lines. */
export interface DeploymentLogs {
  /**
   * Opens the log of a deployment: a new one, or the existing one if the deployment resumes after a restart. Removes
   * the logs of the oldest deployments.
   *
   * @throws {AgentError} DEPLOYMENT_LOG
   */
  open(deploymentId: string): Promise<DeploymentLogFile>;
}

export interface DeploymentLogFile {
  /** Appends whole lines, each with its line end. If a line cannot be written, only that line is lost. */
  append(lines: string): void;
  /**
   * The end of the log, at most `maxBytes`.
   *
   * @throws {AgentError} DEPLOYMENT_LOG
   */
  tail(maxBytes: number): Promise<{ readonly text: string; readonly isCut: boolean }>;
  close(): Promise<void>;
}
