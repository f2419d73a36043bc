import { runWorker } from "../../../adapters/process/worker.ts";
import type { Pending, Work } from "../../core/poller/work.ts";
import type { Granted } from "../../core/server/authorization.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { type PackedError, packError, unpackError } from "../../errors/packed-error.ts";
import type { NextDeployment } from "../../protocol/device-api.ts";
import type { CliIo } from "../io.ts";

/** Turns the daemon's command line into that of its worker. */
export const WORKER_FLAG = "--worker";

/** One piece of work for another process of this program. */
export type Job =
  | { readonly work: "pending"; readonly prepares: boolean }
  | { readonly work: "authorize" | "sendInventory" }
  | { readonly work: "sendTrouble"; readonly trouble: string }
  | {
      readonly work: "deploy";
      readonly deployment: NextDeployment | undefined;
      /** How the previous workers ended, at least twice in the same way. The deployment is then not retried. */
      readonly lost?: PackedError;
    };

export interface WorkerRequest {
  readonly order: Job;
  /** Passphrase of the device key. */
  readonly passphrase: string | undefined;
}

/** How the work ended. `reboot`: the device needs a reboot that the agent must leave to others. */
export type JobResult =
  | { readonly result: unknown }
  | { readonly failure: PackedError }
  | { readonly reboot: { readonly argument?: string | undefined } };

export interface WorkerOptions {
  passphrase(): Promise<string | undefined>;
  /** Stops the work, because the device needs a reboot that the agent must leave to others. */
  leave(argument: string | undefined): void;
}

/**
 * Does each piece of managed mode's work in a child process. The code that it loads, and the memory that a download
 * needs, are gone when the child exits.
 *
 * @throws {AgentError} also WORKER_LOST
 */
export function composeWorker({ commandLine }: CliIo, { passphrase, leave }: WorkerOptions): Work {
  const argv = [...commandLine, WORKER_FLAG];

  /** @returns what the same piece of work would resolve with in this process */
  async function ask(order: Job, signal: AbortSignal): Promise<unknown> {
    const given: WorkerRequest = { order, passphrase: await passphrase() };
    const answer: JobResult = JSON.parse(await runWorker(argv, JSON.stringify(given), signal));
    if ("failure" in answer) throw unpackError(answer.failure);
    if ("result" in answer) return answer.result;
    leave(answer.reboot.argument);
    throw signal.reason;
  }

  let lost: AgentError | undefined;
  let losses = 0;

  async function deploy(deployment: NextDeployment | undefined, signal: AbortSignal): Promise<void> {
    // A new deployment, unlike a resumed one, has not lost a worker yet.
    if (deployment !== undefined) losses = 0;
    const given = lost !== undefined && losses > 1 ? { lost: packError(lost) } : {};
    try {
      await ask({ work: "deploy", deployment, ...given }, signal);
      losses = 0;
    } catch (error) {
      if (error instanceof AgentError && error.code === "WORKER_LOST") {
        losses = losses > 0 && lost?.detail["ended"] === error.detail["ended"] ? losses + 1 : 1;
        lost = error;
      }
      throw error;
    }
  }

  return {
    pending: async (prepares, signal) => (await ask({ work: "pending", prepares }, signal)) as Pending,
    authorize: async (signal) => (await ask({ work: "authorize" }, signal)) as Granted,
    sendInventory: async (signal) => void (await ask({ work: "sendInventory" }, signal)),
    sendTrouble: async (trouble, signal) => void (await ask({ work: "sendTrouble", trouble }, signal)),
    deploy,
  };
}
