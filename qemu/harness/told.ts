import type { Deployment } from "../server/deployment.ts";
import type { Slot } from "./device.ts";
import { ScenarioFailure } from "./faults.ts";

/** Statuses of an update that succeeds, in this order; others may come between. */
const SUCCESS = ["downloading", "installing", "rebooting", "success"];

/**
 * Compares what the server was told with what the device did.
 *
 * @param from slot that ran when the deployment began
 * @param slot that runs after it
 * @throws {ScenarioFailure}
 */
export function expectTruth(deployment: Deployment, from: Slot, slot: Slot): void {
  const { end, statuses, log } = deployment;
  const untrue = (found: string): ScenarioFailure =>
    new ScenarioFailure("server-untruth", `${found} ${accountOf(deployment)}`, (log ?? []).join("\n"));
  if (end === "success" && slot === from) throw untrue(`The agent reported success, and slot ${slot} still runs.`);
  if (end === "failure" && slot !== from) throw untrue(`The agent reported a failure, and the new system runs.`);
  if (end === "success") {
    let at = -1;
    for (const wanted of SUCCESS) {
      at = statuses.indexOf(wanted, at + 1);
      if (at < 0) throw untrue(`The agent did not report '${wanted}' in its turn.`);
    }
  }
  if (end === "failure" && (log ?? []).length === 0) throw untrue("The agent sent no log of the failure.");
}

/** What the server was told, as a sentence. @param from number of statuses to leave out */
export function accountOf({ statuses, log, isAborted }: Deployment, from = 0): string {
  const told = statuses.slice(from);
  const list = told.length === 0 ? "nothing more" : told.join(", ");
  const sent = log !== undefined && told.includes("failure") ? `, and got a log of ${log.length} lines` : "";
  const cancelled = isAborted ? " It cancelled the deployment." : "";
  return `The server was told: ${list}${sent}.${cancelled}`;
}
