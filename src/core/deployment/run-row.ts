import { AgentError } from "../../errors/agent-error.ts";
import type { ScriptAction, ScriptState } from "../scripts/names.ts";
import type { DriverParts, EffectResult, Keep } from "./driver-parts.ts";
import { damaged } from "./reducer.ts";
import type { Snapshot } from "./snapshot.ts";
import { type Row, type StateName, TABLE } from "./table.ts";

export interface RowResult {
  readonly result: EffectResult;
  /** What went wrong, in that order. */
  readonly errors: readonly AgentError[];
  /** The snapshot, with the damage that failing scripts have left. */
  readonly after: Snapshot;
}

const FAILED: EffectResult = { outcome: "fail" };
const NOTHING = new Map();

/** What the server is told, the scripts and the effect of the state that `now` is in and that has been saved. */
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
    // Saved at once: the crash column may lead past these scripts, and the damage would be forgotten.
    saveDamage: (s) => parts.journal.save(s, NOTHING),
  };
  const ended = await (row.lenient === true ? runLenient : runStrict)(row, now, steps);
  return { ...ended, after: { ...ended.after, ...kept }, errors };
}

interface Steps {
  act(s: Snapshot): Promise<EffectResult>;
  /** Whether the set went well. */
  scripts(state: ScriptState | undefined, action: ScriptAction): Promise<boolean>;
  saveDamage(s: Snapshot): Promise<void>;
}

type Ended = Pick<RowResult, "result" | "after">;

async function runStrict(row: Row, now: Snapshot, steps: Steps): Promise<Ended> {
  // A download that goes on where it was cut off has been entered.
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
  // Where a state has no Error scripts, both reference clients run its Leave scripts after a failure, too.
  const skipsLeave = result.outcome === "fail" && row.error !== undefined;
  const isLeft = skipsLeave || (await steps.scripts(row.leave, "Leave"));
  if (!isEntered || !isLeft) await steps.scripts(row.error, "Error");
  return { result, after: isLeft ? entered : damaged(entered) };
}

function rowOf(state: StateName): Row {
  if (state === "idle") throw new Error("idle has no effect");
  return TABLE[state];
}
