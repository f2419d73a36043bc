import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { DeploymentLog } from "./deployment-log.ts";
import { drive, type Run } from "./driver.ts";
import type { DriverParts, Step } from "./driver-parts.ts";
import { nextAfterRestart } from "./reducer.ts";
import { begin, type Snapshot } from "./snapshot.ts";

/** A deployment offered by a server. */
export interface Deployment {
  readonly id: string;
  /** URL of the Artifact. */
  readonly uri: string;
  /** Absent if the server does not name it; the Artifact's header does. */
  readonly artifactName?: string;
}

/**
 * `none`: there is no update to resume. `standalone`: an update from the command line is pending, and nothing was done.
 * `ended`: the deployment is over, and the server has accepted its status (`accepted`), has cancelled the deployment
 * (`aborted`), or could not be reached within the back-off (`unreached`).
 */
export type ManagedAnswer =
  | { readonly kind: "none" }
  | { readonly kind: "standalone" }
  | {
      readonly kind: "ended";
      readonly deploymentId: string;
      readonly status: "success" | "failure";
      readonly told: "accepted" | "aborted" | "unreached";
    };

/** Updates deployed by a server. They use the same table as standalone updates. The caller must hold the lock. */
export interface Managed {
  /**
   * Resumes the interrupted deployment. The caller must do this before it asks the server anything else: what the
   * device reports about itself must not change while a deployment runs. If the snapshot of an update, managed or
   * standalone, is invalid, the agent gives up the update, undoes as much as possible, and reports it.
   *
   * @param lost the reason to give up a download instead of resuming it
   */
  resume(signal: AbortSignal, lost?: Error): Promise<ManagedAnswer>;
  /** Runs a deployment to its end. If an interrupted one exists, resumes that one instead. */
  run(deployment: Deployment, signal: AbortSignal): Promise<ManagedAnswer>;
}

export interface ManagedParts extends DriverParts {
  readonly deploymentLog: DeploymentLog;
  /** Warnings about the device that the reader of a deployment log must see. */
  readonly warnings?: () => readonly string[];
  /** How often an interrupted download resumes: `RetryDownloadCount`. */
  readonly maxResumes: number;
}

/** Used until the header has been read, if the server does not name the Artifact. */
const UNKNOWN_NAME = "unknown";

export function createManaged(parts: ManagedParts): Managed {
  const { journal, deploymentLog, maxResumes } = parts;
  const { log } = deploymentLog;

  async function go(start: Snapshot, verb: string, signal: AbortSignal, why?: Error): Promise<ManagedAnswer> {
    await deploymentLog.open(start.id);
    try {
      for (const line of parts.warnings?.() ?? []) log("warning", line);
      if (why !== undefined) log("error", why instanceof AgentError ? describeError(why) : why.message);
      log("info", `${verb} deployment ${start.id} at ${start.state}`);
      return answerOf(await drive({ ...parts, onStep: logStep }, start, new Set(), signal));
    } finally {
      await deploymentLog.close();
    }
  }

  const logStep = ({ state, outcome, errors }: Step): void => {
    for (const error of errors) log("error", describeError(error));
    if (outcome === "abort") log("warning", `The server has aborted the deployment (${state})`);
  };

  /** A failure must not stop the device from contacting its server: the next deployment reports why it cannot begin. */
  async function finishUndo(signal: AbortSignal): Promise<void> {
    try {
      await parts.finishUndo?.(signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      log("error", describeError(error));
    }
  }

  async function resumeDeployment(signal: AbortSignal, lost?: Error): Promise<ManagedAnswer> {
    const found = await journal.recover();
    if (found === undefined) {
      await finishUndo(signal);
      return { kind: "none" };
    }
    const { snapshot, invalid } = found;
    if (invalid !== undefined) return await go(nextAfterRestart(snapshot), "Giving up", signal, invalid);
    if (snapshot.mode === "standalone") return { kind: "standalone" };
    if (lost !== undefined) return await go(nextAfterRestart(snapshot), "Giving up", signal, lost);
    return await go(nextAfterRestart(snapshot, maxResumes), "Resuming", signal);
  }

  return {
    resume: resumeDeployment,
    async run({ id, uri, artifactName = UNKNOWN_NAME }, signal) {
      const found = await resumeDeployment(signal);
      if (found.kind !== "none") return found;
      const artifact = { name: artifactName, provides: {}, payloadTypes: [] };
      return await go({ ...begin("managed", id, artifact), uri }, "Running", signal);
    },
  };
}

function answerOf({ steps, snapshot }: Run): ManagedAnswer {
  const reported = steps.find(({ state }) => state === "reportResult")?.outcome;
  return {
    kind: "ended",
    deploymentId: snapshot.id,
    status: snapshot.failed ? "failure" : "success",
    told: reported === "abort" ? "aborted" : reported === "fail" ? "unreached" : "accepted",
  };
}
