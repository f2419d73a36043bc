import { AgentError } from "../../errors/agent-error.ts";
import { drive, type Run } from "./driver.ts";
import type { DriverParts } from "./driver-parts.ts";
import { type HandlerFor, handlersOf, supportRollback } from "./handlers.ts";
import type { Journal } from "./journal.ts";
import { nextAfterRestart, redirect } from "./reducer.ts";
import { type ArtifactRecord, begin, entryState, type Snapshot, STANDALONE_ID } from "./snapshot.ts";
import type { StateName } from "./table.ts";

export interface StandaloneParts extends DriverParts {
  readonly handlerFor: HandlerFor;
  /** Refuses, before any change, an update whose programs must not run here. @throws {AgentError} BOARD_UNCONFINED */
  expectToRun?(artifact: ArtifactRecord): Promise<void>;
}

/**
 * `refused`: the payload does not support rollback, and the update stays pending. `managed`: a deployment from the
 * server is pending, which the command line must not resume.
 */
export type StandaloneResult =
  | { readonly kind: "none" }
  | { readonly kind: "managed" }
  | { readonly kind: "refused" }
  | { readonly kind: "ran"; readonly run: Run; readonly invalid?: AgentError };

/** Updates from the command line: the entry points into the table. The caller must hold the lock. */
export interface Standalone {
  /**
   * Makes way for a new update: finishes an interrupted update that needs no more decisions.
   *
   * @throws {AgentError} UPDATE_IN_PROGRESS when an update is pending
   */
  prepareInstall(signal: AbortSignal): Promise<void>;
  install(artifact: ArtifactRecord, stopBefore: ReadonlySet<StateName>, signal: AbortSignal): Promise<Run>;
  /** @throws {AgentError} WRONG_OPERATION */
  commit(stopBefore: ReadonlySet<StateName>, signal: AbortSignal): Promise<StandaloneResult>;
  /** @throws {AgentError} WRONG_OPERATION */
  rollback(stopBefore: ReadonlySet<StateName>, signal: AbortSignal): Promise<StandaloneResult>;
  /**
   * Resumes an update that was interrupted or came to rest: finishes or undoes its current work. If the snapshot is
   * invalid (`invalid`), undoes as much as possible.
   */
  resume(stopBefore: ReadonlySet<StateName>, signal: AbortSignal): Promise<StandaloneResult>;
}

/** States after which no decision is left. */
const FINISHING: ReadonlySet<StateName> = new Set(["download", "commitLeave", "saveProvides", "cleanup"]);
/** Whether the update was interrupted when no decision was left: the next install finishes it first. */
export const isLeftBehind = ({ phase, state }: Snapshot): boolean => phase === "main" && FINISHING.has(state);

const NOWHERE: ReadonlySet<StateName> = new Set();

export function createStandalone(parts: StandaloneParts): Standalone {
  const { journal, handlerFor } = parts;
  const run = (start: Snapshot, stopBefore: ReadonlySet<StateName>, signal: AbortSignal): Promise<Run> =>
    drive(parts, start, stopBefore, signal);

  async function nothing(signal: AbortSignal): Promise<StandaloneResult> {
    await parts.finishUndo?.(signal);
    return { kind: "none" };
  }

  async function enter(
    command: "commit" | "rollback",
    stopBefore: ReadonlySet<StateName>,
    signal: AbortSignal,
  ): Promise<StandaloneResult> {
    const found = await load(journal);
    if (found === undefined) return await nothing(signal);
    const target = entryState(command, found);
    if (target === undefined) throw new AgentError("WRONG_OPERATION", { command, state: found.state });
    await parts.expectToRun?.(found.artifact);
    if (target === "askRollback" && !(await canRollBack(found, handlerFor, signal))) return { kind: "refused" };
    refuseMisconfigured(found, handlerFor);
    // `canRollBack` has answered the question, and a module need not answer it twice.
    const start =
      target === "resume" ? nextAfterRestart(found) : redirect(found, target === "askRollback" ? "rollback" : target);
    return { kind: "ran", run: await run(start, stopBefore, signal) };
  }

  return {
    async prepareInstall(signal) {
      const found = await load(journal);
      if (found === undefined) {
        await nothing(signal);
        return;
      }
      if (!isLeftBehind(found)) throw new AgentError("UPDATE_IN_PROGRESS", { state: found.state });
      await run(nextAfterRestart(found), NOWHERE, signal);
    },
    install: (artifact, stopBefore, signal) => run(begin("standalone", STANDALONE_ID, artifact), stopBefore, signal),
    commit: (stopBefore, signal) => enter("commit", stopBefore, signal),
    rollback: (stopBefore, signal) => enter("rollback", stopBefore, signal),
    async resume(stopBefore, signal) {
      const found = await journal.recover();
      if (found === undefined) return await nothing(signal);
      const { snapshot, invalid } = found;
      if (snapshot.mode === "managed") return { kind: "managed" };
      refuseMisconfigured(snapshot, handlerFor);
      await parts.expectToRun?.(snapshot.artifact);
      return {
        kind: "ran",
        run: await run(nextAfterRestart(snapshot), stopBefore, signal),
        ...(invalid && { invalid }),
      };
    },
  };
}

/** A managed deployment belongs to the daemon: the command line must neither decide on it nor replace it. */
async function load(journal: Journal): Promise<Snapshot | undefined> {
  const found = await journal.load();
  if (found?.mode === "managed") throw new AgentError("UPDATE_IN_PROGRESS", { mode: "managed", state: found.state });
  return found;
}

/**
 * Refuses to run an update if a handler's configuration is invalid, because it can neither commit nor roll back its
 * payload. The update stays pending until the configuration is corrected; running it now would end it as inconsistent.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
function refuseMisconfigured(s: Snapshot, handlerFor: HandlerFor): void {
  if (FINISHING.has(s.state)) return;
  try {
    handlersOf(s, handlerFor);
  } catch (error) {
    // Any other error, such as a missing module, is a failure of the update.
    if (error instanceof AgentError && error.code === "CONFIG_INVALID") throw error;
  }
}

async function canRollBack(s: Snapshot, handlerFor: HandlerFor, signal: AbortSignal): Promise<boolean> {
  const handlers = handlersOf(s, handlerFor);
  return handlers.length > 0 && (await supportRollback(handlers, signal));
}
