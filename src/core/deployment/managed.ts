import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { DeploymentLog } from "./deployment-log.ts";
import { drive, type Run } from "./driver.ts";
import type { DriverParts, Step } from "./driver-parts.ts";
import { resume } from "./reducer.ts";
import { begin, type Snapshot } from "./snapshot.ts";

/** A deployment as a server offers it. */
export interface Deployment {
  readonly id: string;
  /** Where the Artifact is. */
  readonly uri: string;
  /** Absent where the server does not say; the Artifact's header does. */
  readonly artifactName?: string;
}

/**
 * `none`: there is nothing to go on with. `standalone`: an update from the command line is pending, and nothing has
 * been done. `ended`: the deployment is over. Of its status the server knows (`accepted`), has called the deployment
 * off (`aborted`), or could not be reached for as long as the back-off says (`unreached`).
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

/** Updates that a server has deployed: the same table as standalone ones. The caller holds the lock. */
export interface Managed {
  /**
   * Goes on with the deployment that was cut off. Nothing else may be asked of the server before: what the device
   * tells of itself must not change while a deployment runs. An update whose snapshot cannot be understood, whoever
   * has begun it, is given up: undone as far as can be, and reported.
   *
   * @param lost why a download does not go on but is given up
   */
  resume(signal: AbortSignal, lost?: Error): Promise<ManagedAnswer>;
  /** Runs a deployment to its end. One that a power cut has left behind goes on instead. */
  run(deployment: Deployment, signal: AbortSignal): Promise<ManagedAnswer>;
}

export interface ManagedParts extends DriverParts {
  readonly deploymentLog: DeploymentLog;
  /** What whoever reads the log of a deployment has to know of the device. */
  readonly warnings?: () => readonly string[];
  /** Times that a download goes on after the agent was cut off: `RetryDownloadCount`. */
  readonly maxResumes: number;
}

/** Until the header has been read, where the server does not say either. */
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

  /** A failure must not keep the device from its server: the next deployment reports why it cannot begin. */
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
    if (invalid !== undefined) return await go(resume(snapshot), "Giving up", signal, invalid);
    if (snapshot.mode === "standalone") return { kind: "standalone" };
    if (lost !== undefined) return await go(resume(snapshot), "Giving up", signal, lost);
    return await go(resume(snapshot, maxResumes), "Resuming", signal);
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
