import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NextDeployment } from "../../protocol/device-api.ts";
import type { Logger } from "../../util/logger.ts";
import type { ScriptAction, ScriptState } from "../scripts/names.ts";
import type { ScriptRunner } from "../scripts/runner.ts";
import { isAuthorizationFailure } from "../server/authorization-failure.ts";
import type { Polled } from "../server/deployments.ts";
import { askedPauseMs } from "../server/exchange.ts";
import {
  afterFailure,
  afterStart,
  afterSuccess,
  CALLS,
  type Call,
  earlier,
  firstDue,
  type Intervals,
  requested,
  type Schedule,
  wanted,
} from "./schedule.ts";
import type { Pending, Work } from "./work.ts";

export interface PollerParts extends Pick<Work, "sendInventory" | "sendTrouble" | "deploy"> {
  readonly clock: Pick<Clock, "monotonicMs" | "startTimer">;
  readonly scripts: Pick<ScriptRunner, "run">;
  readonly log: Logger;
  readonly intervals: Intervals;
  /** At least 0 and less than 1. */
  random(): number;
  pending(signal: AbortSignal): Promise<Pending>;
  isInventorySent(): Promise<boolean>;
  nextDeployment(signal: AbortSignal): Promise<Polled>;
}

export interface Poller {
  /** Polls until the signal aborts, then throws its reason. */
  run(signal: AbortSignal): Promise<never>;
  /**
   * Makes each due call once, and runs an update to its end.
   *
   * @throws {AgentError} the first failure, after all calls have been tried
   */
  once(signal: AbortSignal): Promise<void>;
  /** Makes a call due now. During an update, the call waits for the update to end. */
  request(call: Call): void;
  readonly schedule: Schedule;
}

/** Failures of the device itself, which last until a person repairs it. */
const OF_DEVICE: ReadonlySet<string> = new Set([
  "STORE_READ",
  "STORE_WRITE",
  "STORE_DAMAGED",
  "STORE_NEWER",
  "DEVICE_TYPE_FILE",
  "DEVICE_KEY",
  "DEVICE_KEY_WRITE",
  "IDENTITY_FAILED",
]);

export function createPoller(parts: PollerParts, start: Schedule): Poller {
  const { clock, scripts, log, intervals } = parts;
  let schedule = start;
  let wake: () => void = () => undefined;
  /** Whether this process has run the Idle_Enter scripts, but not yet the Idle_Leave scripts. */
  let isIdle = false;

  /** Runs scripts whose failure has no effect. */
  async function leniently(state: ScriptState, action: ScriptAction, signal: AbortSignal): Promise<void> {
    try {
      await scripts.run(state, action, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      log("error", describeError(error));
    }
  }

  async function enterIdle(signal: AbortSignal): Promise<void> {
    if (isIdle) return;
    await leniently("Idle", "Enter", signal);
    isIdle = true;
  }

  async function leaveIdle(signal: AbortSignal): Promise<void> {
    await leniently("Idle", "Leave", signal);
    isIdle = false;
  }

  async function visit(call: Call, signal: AbortSignal): Promise<Polled> {
    try {
      await scripts.run("Sync", "Enter", signal);
      const found = call === "inventory" ? await parts.sendInventory(signal) : await parts.nextDeployment(signal);
      await scripts.run("Sync", "Leave", signal);
      return found ?? {};
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      await leniently("Sync", "Error", signal);
      throw error;
    }
  }

  async function call(which: Call, signal: AbortSignal): Promise<void> {
    const { deployment, comeBackMs } = await visit(which, signal);
    schedule = afterSuccess(schedule, which);
    if (comeBackMs !== undefined) schedule = earlier(schedule, which, clock.monotonicMs(), parts.random(), comeBackMs);
    if (deployment !== undefined) await deploy(deployment, signal);
    // A device that the server has just accepted has not sent its first inventory yet.
    else if (which === "deployments" && !(await parts.isInventorySent())) want("inventory");
  }

  async function deploy(deployment: NextDeployment | undefined, signal: AbortSignal): Promise<void> {
    await parts.deploy(deployment, signal);
    want("inventory");
  }

  const want = (which: Call): void => {
    schedule = wanted(schedule, which, clock.monotonicMs());
  };

  /**
   * @param stays whether this process is a daemon, and runs the Idle_Enter scripts first; before a single poll, the
   * poll before it has run them
   * @returns the failure, if any
   */
  async function round(which: Call, stays: boolean, signal: AbortSignal): Promise<AgentError | undefined> {
    schedule = afterStart(schedule, which, clock.monotonicMs(), intervals);
    let pending = "none" as Pending;
    let failure: AgentError | undefined;
    try {
      pending = await parts.pending(signal);
      if (pending !== "managed" && stays) await enterIdle(signal);
      // After a restart, an update resumes where it was interrupted: the device was not idle then.
      if (pending !== "managed" || isIdle) await leaveIdle(signal);
      if (pending === "managed") await deploy(undefined, signal);
      else if (pending === "standalone" && which === "deployments")
        log("info", "An update from the command line is pending, so the agent does not ask for a new one.");
      else await call(which, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      failure = error;
      log("error", describeError(error));
      if (OF_DEVICE.has(error.code)) await tellServer(error, signal);
      // A general failure delays both calls, so that the same work is not retried twice. If the server rejects the
      // device for one call, it also rejects the other. A pending deployment or a broken device blocks both calls.
      const isGeneral = isAuthorizationFailure(error.code) || pending === "managed" || OF_DEVICE.has(error.code);
      delay(isGeneral ? CALLS : [which], error);
    }
    await enterIdle(signal);
    return failure;
  }

  /**
   * Tells the server that the device cannot continue by itself. Does not fail the deployment: while the store is
   * unreadable, an update on trial may exist that the agent will commit later.
   */
  async function tellServer(trouble: AgentError, signal: AbortSignal): Promise<void> {
    try {
      await parts.sendTrouble(describeError(trouble), signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error;
      log("warning", `Could not report this to the server: ${describeError(error)}`);
    }
  }

  function delay(calls: readonly Call[], error: AgentError): void {
    const random = parts.random();
    for (const each of calls)
      schedule = afterFailure(schedule, each, clock.monotonicMs(), intervals, random, askedPauseMs(error));
    const next = Math.min(...calls.map((each) => schedule[each].atMs)) - clock.monotonicMs();
    log("info", `Next attempt in ${Math.max(0, Math.round(next / 1000))} s`);
  }

  async function nextCall(signal: AbortSignal): Promise<Call> {
    for (;;) {
      signal.throwIfAborted();
      const nowMs = clock.monotonicMs();
      const { call: which, atMs } = firstDue(schedule, nowMs);
      if (atMs <= nowMs) return which;
      await rest(atMs - nowMs);
    }
  }

  /** Waits for `ms`, or until `wake` is called: a call has become due or the signal has aborted. */
  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const stop = clock.startTimer(ms, resolve);
      wake = () => {
        stop();
        resolve();
      };
    });

  return {
    async run(signal) {
      signal.addEventListener("abort", () => wake(), { once: true });
      for (;;) await round(await nextCall(signal), true, signal);
    },
    async once(signal) {
      const failures: AgentError[] = [];
      for (const asked = new Set<Call>(); ; ) {
        const nowMs = clock.monotonicMs();
        const { call: which, atMs } = firstDue(schedule, nowMs);
        if (atMs > nowMs || (which === "deployments" && asked.has(which))) break;
        asked.add(which);
        const failure = await round(which, false, signal);
        if (failure !== undefined) failures.push(failure);
      }
      if (failures[0] !== undefined) throw failures[0];
    },
    request(which) {
      schedule = requested(schedule, which, clock.monotonicMs());
      wake();
    },
    get schedule() {
      return schedule;
    },
  };
}
