import { join } from "node:path";
import { AgentError, describeError, printable } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileReads } from "../../ports/files.ts";
import type { Process, ProcessResult } from "../../ports/process.ts";
import type { Logger } from "../../util/logger.ts";
import { isThere, readScriptFolder, readVersionFile } from "./folder.ts";
import { originOf, type ScriptAction, type ScriptOrigin, type ScriptState } from "./names.ts";
import { checkVersion, scriptSet } from "./order.ts";
import { SET_POLICY } from "./policy.ts";

export interface ScriptTimeouts {
  /** Limit for one run of one script. */
  readonly timeoutMs: number;
  /** Pause after a script asks for a later retry. */
  readonly retryIntervalMs: number;
  /** How long one script may keep asking for a retry, from its first request. */
  readonly retryTimeoutMs: number;
}

export interface ScriptRunnerParts {
  readonly process: Process;
  readonly reads: FileReads;
  readonly clock: Clock;
  readonly log: Logger;
  readonly folders: Readonly<Record<ScriptOrigin, string>>;
  readonly timeouts: ScriptTimeouts;
}

/** Runs state scripts one after the other, without a shell. The only argument of each script is its path. */
export interface ScriptRunner {
  /**
   * Runs the scripts of a state and action. After a power cut, the caller runs the whole set again.
   *
   * @throws {AgentError} SCRIPT_FAILED, SCRIPT_START, SCRIPT_TIMEOUT, SCRIPT_RETRY_TIMEOUT of the first script that
   * failed, after the rest of the set if `SET_POLICY` requires it; SCRIPT_VERSION, SCRIPT_FOLDER before any script has
   * run
   */
  run(state: ScriptState, action: ScriptAction, signal: AbortSignal): Promise<void>;
  /** @throws {AgentError} SCRIPT_VERSION, SCRIPT_FOLDER */
  checkRootfsVersion(): Promise<void>;
}

const RETRY_LATER = 21;
/** Bytes kept of stdout and of stderr, each; a script that writes more is not stopped. */
const MAX_OUTPUT_BYTES = 10 * 1024;

export function createScriptRunner(parts: ScriptRunnerParts): ScriptRunner {
  const { folders, log, reads } = parts;

  return {
    async run(state, action, signal) {
      const folder = folders[originOf(state)];
      // Most devices have no such folder, and a daemon asks four times for each poll.
      if (!isThere(folder, reads)) return;
      checkVersion(folder, await readVersionFile(folder));
      const set = scriptSet(await readScriptFolder(folder, reads), state, action);
      for (const name of set.notExecutable)
        log("warning", `State script ${name} is not executable, so it does not run`);
      let first: AgentError | undefined;
      for (const name of set.run) {
        const failure = await runScript(parts, join(folder, name), signal);
        if (failure === undefined) continue;
        if (SET_POLICY[state][action] === "stop") throw failure;
        if (first !== undefined) log("error", describeError(failure));
        first ??= failure;
      }
      if (first !== undefined) throw first;
    },
    async checkRootfsVersion() {
      checkVersion(folders.rootfs, await readVersionFile(folders.rootfs));
    },
  };
}

/** Runs one script until it no longer asks for a retry. @returns its failure, if any */
async function runScript(
  { process, clock, log, timeouts }: ScriptRunnerParts,
  path: string,
  signal: AbortSignal,
): Promise<AgentError | undefined> {
  let windowEndsAt: number | undefined;
  let timeoutMs = timeouts.timeoutMs;
  for (;;) {
    log("info", `Running State Script: ${path}`);
    let result: ProcessResult;
    try {
      const onLine = outputLog(log);
      const limits = { timeoutMs, maxOutputBytes: MAX_OUTPUT_BYTES, leavesOthers: true, onLine };
      result = await process.run([path], limits, signal);
    } catch (error) {
      return asFailure(error, path, timeoutMs < timeouts.timeoutMs, timeouts);
    }
    if (result.exitCode === 0) return undefined;
    if (result.exitCode !== RETRY_LATER) return failed(path, result);

    windowEndsAt ??= clock.monotonicMs() + timeouts.retryTimeoutMs;
    const pauseMs = Math.min(timeouts.retryIntervalMs, windowEndsAt - clock.monotonicMs());
    if (pauseMs > 0) {
      log("info", `State script ${path} asks to run again later; next attempt in ${Math.ceil(pauseMs / 1000)} s`);
      await clock.sleep(pauseMs, signal);
    }
    const leftMs = windowEndsAt - clock.monotonicMs();
    if (leftMs <= 0) return retriedTooLong(path, timeouts);
    // The retry window also ends a run in progress when it closes, as in the newest client.
    timeoutMs = Math.min(timeouts.timeoutMs, leftMs);
  }
}

/** Logs lines as they arrive, so that a script that must be stopped has already logged what it waits for. */
function outputLog(log: Logger): (stream: "stdout" | "stderr", line: string) => void {
  const left = { stdout: MAX_OUTPUT_BYTES, stderr: MAX_OUTPUT_BYTES };
  return (stream, line) => {
    const room = left[stream];
    if (room <= 0) return;
    const content = Buffer.from(line);
    left[stream] -= content.length + 1;
    const kept = content.length <= room ? line : content.toString("utf8", 0, room);
    if (kept.trim() !== "") log("info", `Collected output (${stream}): ${printable(kept.trimEnd())}`);
    if (left[stream] <= 0) log("info", `Collected output (${stream}): (no more than 10 KiB are logged)`);
  };
}

function failed(script: string, { exitCode }: ProcessResult): AgentError {
  return new AgentError("SCRIPT_FAILED", {
    script,
    ...(exitCode === undefined ? { ended: "by a signal" } : { exitCode }),
  });
}

function retriedTooLong(script: string, { retryTimeoutMs }: ScriptTimeouts): AgentError {
  return new AgentError("SCRIPT_RETRY_TIMEOUT", { script, seconds: retryTimeoutMs / 1000 });
}

/** @throws an error that is not the script's failure: the signal's reason, or a bug */
function asFailure(error: unknown, script: string, endedByWindow: boolean, timeouts: ScriptTimeouts): AgentError {
  if (!(error instanceof AgentError)) throw error;
  switch (error.code) {
    case "PROCESS_TIMEOUT":
      if (endedByWindow) return retriedTooLong(script, timeouts);
      return new AgentError("SCRIPT_TIMEOUT", { script, seconds: timeouts.timeoutMs / 1000 });
    case "PROCESS_MISSING":
    case "PROCESS_START":
      return new AgentError("SCRIPT_START", { script }, error.cause);
    default:
      throw error;
  }
}
