import { AgentError } from "../../errors/agent-error.ts";
import type { ScriptAction, ScriptState } from "../scripts/names.ts";
import type { DriverParts, EffectResult, Keep } from "./driver-parts.ts";
import { damaged } from "./reducer.ts";
import type { Snapshot } from "./snapshot.ts";
import { type Row, type StateName, TABLE } from "./table.ts";

export interface RowResult {
  readonly result: EffectResult;
  /** The failures, in order of occurrence. */
  readonly errors: readonly AgentError[];
  /** The snapshot, marked as damaged if scripts failed. */
  readonly after: Snapshot;
}

const FAILED: EffectResult = { outcome: "fail" };
const NOTHING = new Map();

/** Runs the saved state of `now`: the report to the server, the scripts and the effect. */
export async function runRow(parts: DriverParts, now: Snapshot, signal: AbortSignal): Promise<RowResult> {
  const row = rowOf(now.state);
  if (now.mode === "managed" && row.report !== undefined) {
    const answer = await parts.reportStatus?.(now, row.report, signal);
    if (answer === "aborted") return { result: { outcome: "abort" }, errors: [], after: now };
  }
  const errors: AgentError[] = [];
  let kept: Partial<Snapshot> = {};
  const attempt = async (work: () => Promise<EffectResult>, canFail: boolean): Promise<EffectResult> => {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AgentError) || !canFail) throw error;
      errors.push(error);
      return FAILED;
    }
  };
  const steps: Steps = {
    act(s) {
      const keep: Keep = async (found) => {
        kept = { ...kept, ...found };
        await parts.journal.save({ ...s, ...kept }, NOTHING);
      };
      return attempt(() => parts.effects[row.run](s, signal, keep), row.fail !== undefined);
    },
    async scripts(state, action) {
      if (state === undefined) return true;
      const run = async (): Promise<EffectResult> => {
        await parts.scripts.run(state, action, signal);
        return { outcome: "ok" };
      };
      return (await attempt(run, true)).outcome === "ok";
    },
    // Save at once: the crash column may skip these scripts, which would lose the damage.
    saveDamage: (s) => parts.journal.save(s, NOTHING),
  };
  const ended = await (row.lenient === true ? runLenient : runStrict)(row, now, steps);
  return { ...ended, after: { ...ended.after, ...kept }, errors };
}

interface Steps {
  act(s: Snapshot): Promise<EffectResult>;
  /** @returns whether all scripts of the set succeeded */
  scripts(state: ScriptState | undefined, action: ScriptAction): Promise<boolean>;
  saveDamage(s: Snapshot): Promise<void>;
}

type Ended = Pick<RowResult, "result" | "after">;

async function runStrict(row: Row, now: Snapshot, steps: Steps): Promise<Ended> {
  // A resumed download has already run its Enter scripts.
  const enter = now.download === undefined ? row.enter : undefined;
  const result = (await steps.scripts(enter, "Enter")) ? await steps.act(now) : FAILED;
  if (result.outcome !== "fail" && (await steps.scripts(row.leave, "Leave"))) return { result, after: now };
  await steps.scripts(row.error, "Error");
  return { result: FAILED, after: now };
}

async function runLenient(row: Row, now: Snapshot, steps: Steps): Promise<Ended> {
  const isEntered = await steps.scripts(row.enter, "Enter");
  const entered = isEntered ? now : damaged(now);
  if (!isEntered) await steps.saveDamage(entered);
  const result = await steps.act(entered);
  // If a state has no Error scripts, both reference clients run its Leave scripts even after a failure.
  const skipsLeave = result.outcome === "fail" && row.error !== undefined;
  const isLeft = skipsLeave || (await steps.scripts(row.leave, "Leave"));
  if (!isEntered || !isLeft) await steps.scripts(row.error, "Error");
  return { result, after: isLeft ? entered : damaged(entered) };
}

function rowOf(state: StateName): Row {
  if (state === "idle") throw new Error("idle has no effect");
  return TABLE[state];
}
