import { createDeploymentLogFiles } from "../../../adapters/log/deployment-log-files.ts";
import { storeWarnings } from "../../../adapters/store/lost-store.ts";
import { createDeploymentLog } from "../../core/deployment/deployment-log.ts";
import { createEffects, type EffectPorts } from "../../core/deployment/effects.ts";
import { createInsist } from "../../core/deployment/insist.ts";
import { createJournal } from "../../core/deployment/journal.ts";
import { createManaged, type Managed } from "../../core/deployment/managed.ts";
import { createReportStatus, createServerEffects } from "../../core/deployment/server-effects.ts";
import type { DownloadRecord } from "../../core/install/download-record.ts";
import { openDownloaded, reopenDownloaded } from "../../core/install/downloaded-artifact.ts";
import type { BackoffLimits } from "../../core/poller/backoff.ts";
import { createDeploymentServer } from "../../core/server/deployments.ts";
import type { Session } from "../../core/server/session.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { Power } from "../../ports/power.ts";
import { composeDevice, type Device } from "../device/device.ts";
import type { ServerSide } from "./server.ts";

/** Composes one deployment of a server. Everything that it logs also goes to the deployment's log. */
export function composeDeployment(side: ServerSide, session: Session, power: Power, limits: BackoffLimits): Managed {
  const { config, paths, host } = side;
  const { clock } = host;
  const logs = createDeploymentLogFiles(config.server.updateLogPath ?? paths.datastore, host.files);
  const deploymentLog = createDeploymentLog(logs, clock, side.log);
  const { log } = deploymentLog;
  const device = composeDevice({ ...side, log });
  const { store, scripts, handlerFor, finishUndo } = device;
  const server = createDeploymentServer(session);
  const insist = createInsist({ clock, log, limits, random: Math.random });
  const effects = createEffects({
    store,
    power,
    handlerFor,
    scripts,
    openPayloads: openPayloadsOf({ ...side, log }, device),
    server: createServerEffects({ server, insist, readLog: () => deploymentLog.read() }),
  });
  return createManaged({
    journal: createJournal(store),
    effects,
    scripts,
    finishUndo,
    reportStatus: createReportStatus(server, log),
    deploymentLog,
    warnings: () => storeWarnings(paths.datastore),
    maxResumes: config.connection.retryDownloadCount,
  });
}

/** Opens the Artifact of a deployment, from its beginning or from where an earlier process was interrupted. */
function openPayloadsOf({ config, transport, host, log }: ServerSide, device: Device): EffectPorts["openPayloads"] {
  return async ({ uri, download, artifact }, signal, keep) => {
    if (uri === undefined) throw new AgentError("SOURCE_OPEN", { reason: "the deployment names no Artifact" });
    const admission = await device.admission();
    const parts = {
      transport: await transport(),
      clock: host.clock,
      log,
      limits: config.connection,
      open: admission.open,
      keep: (record: DownloadRecord) => keep({ download: record }),
    };
    const opened =
      download === undefined
        ? await openDownloaded(uri, parts, signal)
        : await reopenDownloaded(download, artifact, parts, signal);
    try {
      // Saved at once: a download interrupted before its first checkpoint then restarts and is not abandoned.
      if (opened.download !== undefined) await keep({ download: opened.download });
      await admission.admit(opened);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return { ...opened.payloads, artifact: opened.record, close: () => opened.close() };
  };
}
