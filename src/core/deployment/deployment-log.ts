import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DeploymentLogFile, DeploymentLogs } from "../../ports/deployment-log.ts";
import type { LogMessage } from "../../ports/deployment-server.ts";
import type { Logger, LogLevel } from "../../util/logger.ts";
import { LOG_TAIL_BYTES, logLine, readLog } from "./log-text.ts";

/** Keeps the log of a running deployment for the server. A failure to keep it does not stop the deployment. */
export interface DeploymentLog {
  /** Logs to the agent's log and to the open deployment log. */
  readonly log: Logger;
  open(deploymentId: string): Promise<void>;
  /** @throws {AgentError} DEPLOYMENT_LOG */
  read(): Promise<readonly LogMessage[]>;
  close(): Promise<void>;
}

const LEFT_OUT: ReadonlySet<LogLevel> = new Set(["trace", "debug"]);

export function createDeploymentLog(logs: DeploymentLogs, clock: Clock, agentLog: Logger): DeploymentLog {
  let file: DeploymentLogFile | undefined;
  return {
    log(level, message) {
      agentLog(level, message);
      if (!LEFT_OUT.has(level)) file?.append(logLine(level, message, clock.nowMs()));
    },
    async open(deploymentId) {
      try {
        file = await logs.open(deploymentId);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        // ignored: the deployment does not depend on its log.
        agentLog("warning", describeError(error));
      }
    },
    read: async () => (file === undefined ? [] : readLog(await file.tail(LOG_TAIL_BYTES))),
    async close() {
      await file?.close();
      file = undefined;
    },
  };
}
