/** Deployment states that a device reports. `success` and `failure` are final. */
export type DeploymentStatus = "downloading" | "installing" | "rebooting" | "success" | "failure";

/** One entry of a deployment log, in the server's format. */
export interface LogMessage {
  readonly level: string;
  readonly message: string;
  /** RFC 3339. */
  readonly timestamp: string;
}

/**
 * The server's side of a running deployment. Each call makes one attempt, plus one new authorisation if the token has
 * expired. The caller decides what a failure means and whether to retry.
 *
 * A call that cannot deliver throws an {@link AgentError}. If the server said when to retry, the error's detail
 * `retryAfterMs` holds that delay. A failure may also mean that only the reply was lost.
 */
export interface DeploymentServer {
  /**
   * @returns `aborted` if the server has cancelled the deployment or decommissioned the device; the caller must then
   * send no further reports
   * @throws {AgentError} when the report could not be delivered
   */
  report(deploymentId: string, status: DeploymentStatus, signal: AbortSignal): Promise<"accepted" | "aborted">;
  /** @throws {AgentError} when it could not be delivered; one with `retry: false` says that retries cannot help */
  uploadLog(deploymentId: string, messages: readonly LogMessage[], signal: AbortSignal): Promise<void>;
  /** Drops the token, so that the next call authorises anew: the device may have other credentials now. */
  forgetToken(): Promise<void>;
}
