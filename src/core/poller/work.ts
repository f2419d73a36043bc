import type { NextDeployment } from "../../protocol/device-api.ts";
import type { Granted } from "../server/authorization.ts";

/** What is on disk: an update of the server's that was cut off, one of the user's that is not committed, or none. */
export type Pending = "none" | "managed" | "standalone";

/**
 * All that managed mode does besides asking whether there is something to install: it happens now and then, and needs
 * most of the program. What it leaves for the next call is on disk.
 */
export interface Work {
  /**
   * Looks what is on disk.
   *
   * @param prepares makes before that what the device needs for its first call: what it provides, its key
   * @throws {AgentError} AGENT_BUSY, DEVICE_KEY, DEVICE_KEY_WRITE, SNAPSHOT_INVALID, STORE_WRITE
   */
  pending(prepares: boolean, signal: AbortSignal): Promise<Pending>;
  /** @throws {AgentError} AuthorizationFailure, IDENTITY_FAILED, DEVICE_KEY */
  authorize(signal: AbortSignal): Promise<Granted>;
  /** @throws {AgentError} SERVER_STATUS, INVENTORY_FAILED, and what `Session.send` throws */
  sendInventory(signal: AbortSignal): Promise<void>;
  /** Tells the server what is wrong with the device itself. @throws {AgentError} as `sendInventory` */
  sendTrouble(trouble: string, signal: AbortSignal): Promise<void>;
  /**
   * Brings a deployment to its end; without one, that which is pending.
   *
   * @param lost why the pending one is given up: undone as far as can be, and reported
   * @throws {AgentError} when it has not come to its end
   */
  deploy(deployment: NextDeployment | undefined, signal: AbortSignal, lost?: Error): Promise<void>;
}
