/** States of a deployment that a device tells. `success` and `failure` end it. @see spec "device-api", section 4 */
export type DeploymentStatus = "downloading" | "installing" | "rebooting" | "success" | "failure";

/** One entry of a deployment's log, as the server takes it. */
export interface LogMessage {
  readonly level: string;
  readonly message: string;
  /** RFC 3339. */
  readonly timestamp: string;
}

/**
 * The server's side of a deployment that runs here. Each call is one attempt (besides one new authorisation where the
 * token has run out); whoever calls decides what a failure means and whether to try again.
 *
 * Whoever cannot deliver throws an {@link AgentError}. Its detail `retryAfterMs` says when the server wants to hear
 * from the device again, where it has said so. A failure may also mean that only the answer was lost.
 */
export interface DeploymentServer {
  /**
   * @returns `aborted` when the deployment has been called off (or the device has been decommissioned): nothing more
   * is to be told of it
   * @throws {AgentError} when it could not be delivered
   */
  report(deploymentId: string, status: DeploymentStatus, signal: AbortSignal): Promise<"accepted" | "aborted">;
  /** @throws {AgentError} when it could not be delivered; one that says `retry: false` will never be */
  uploadLog(deploymentId: string, messages: readonly LogMessage[], signal: AbortSignal): Promise<void>;
  /** The next call authorises the device anew: what runs now may have other credentials. */
  forgetToken(): Promise<void>;
}
