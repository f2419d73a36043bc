import type { Scenario } from "./scenarios.ts";

/** What must hold if the agent is a daemon of the server, where that is more or something else. */
const PROMISES: Readonly<Record<string, string>> = {
  start: "the image starts, and the server accepts the agent and gets its inventory",
  install: "the agent gets the deployment and installs its Artifact into the slot that does not run",
  reboot: "the agent reports the reboot, and the next start boots the new system on trial",
  fallback:
    "if the power fails during the trial, the boot loader returns to the old system, and the agent reports the failure " +
    "with its log",
  rollback: "a deployment that the server cancels during the trial returns to the old system",
  "broken-image":
    "a new system that cannot start is left again without help, and the agent reports the failure with its log",
  commit: "the agent commits by itself, reports success, and the update stays",
};

/** The same scenarios, as promises about a managed device. */
export const managed = (scenarios: readonly Scenario[]): readonly Scenario[] =>
  scenarios.map((scenario) => ({ ...scenario, promise: PROMISES[scenario.name] ?? scenario.promise }));
