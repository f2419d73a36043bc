import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { DeploymentServer, LogMessage } from "../../ports/deployment-server.ts";
import type { Logger } from "../../util/logger.ts";
import type { Effects, ReportStatus } from "./driver-parts.ts";
import type { Insist } from "./insist.ts";

export interface ServerParts {
  readonly server: DeploymentServer;
  readonly insist: Insist;
  /** The log of the deployment so far. */
  readLog(): Promise<readonly LogMessage[]>;
}

export type ServerEffects = Pick<Effects, "reachServer" | "reportResult" | "sendLog">;

/** The effects that only managed updates have. Each repeats its delivery until it succeeds or gives up. */
export function createServerEffects({ server, insist, readLog }: ServerParts): ServerEffects {
  return {
    async reachServer({ id }, signal) {
      await server.forgetToken();
      const answer = await insist("Status installing", () => server.report(id, "installing", signal), signal);
      return { outcome: answer === "aborted" ? "abort" : "ok" };
    },
    // `ok` means that the server knows of a failure and expects the log.
    async reportResult({ id, failed }, signal) {
      const status = failed ? "failure" : "success";
      const answer = await insist(`Status ${status}`, () => server.report(id, status, signal), signal);
      if (answer === "aborted") return { outcome: "abort" };
      return { outcome: failed ? "ok" : "no" };
    },
    async sendLog({ id }, signal) {
      const messages = await readLog();
      await insist("Deployment log", () => server.uploadLog(id, messages, signal), signal);
      return { outcome: "ok" };
    },
  };
}

export function createReportStatus(server: DeploymentServer, log: Logger): ReportStatus {
  return async ({ id }, status, signal) => {
    try {
      return (await server.report(id, status, signal)) === "aborted" ? "aborted" : "told";
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AgentError)) throw error;
      // ignored: later reports tell the server the progress, and the last one tells it the result.
      log("warning", `Could not report the status ${status}: ${describeError(error)}`);
      return "told";
    }
  };
}
