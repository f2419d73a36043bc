import type { NextDeployment } from "../../protocol/device-api.ts";
import type { Granted } from "../server/authorization.ts";

/** What is on disk: an interrupted deployment of the server, an uncommitted update of the user, or neither. */
export type Pending = "none" | "managed" | "standalone";

/**
 * The work of managed mode except the polling itself: it is rare and needs most of the program. It leaves its results
 * for the next call on disk.
 */
export interface Work {
  /**
   * Finds out what is on disk.
   *
   * @param prepares first creates what the device needs for its first call: its provides and its key
   * @throws {AgentError} AGENT_BUSY, DEVICE_KEY, DEVICE_KEY_WRITE, SNAPSHOT_INVALID, STORE_WRITE
   */
  pending(prepares: boolean, signal: AbortSignal): Promise<Pending>;
  /** @throws {AgentError} AuthorizationFailure, IDENTITY_FAILED, DEVICE_KEY */
  authorize(signal: AbortSignal): Promise<Granted>;
  /** @throws {AgentError} SERVER_STATUS, INVENTORY_FAILED, and what `Session.send` throws */
  sendInventory(signal: AbortSignal): Promise<void>;
  /** Tells the server what is wrong with the device. @throws {AgentError} as `sendInventory` */
  sendTrouble(trouble: string, signal: AbortSignal): Promise<void>;
  /**
   * Runs a deployment to its end, or the pending one if `deployment` is absent.
   *
   * @param lost the reason to give up the pending deployment: the agent undoes as much as possible and reports it
   * @throws {AgentError} if the deployment has not ended
   */
  deploy(deployment: NextDeployment | undefined, signal: AbortSignal, lost?: Error): Promise<void>;
}
