import { next } from "../../../../src/core/deployment/reducer.ts";
import { placeOf, type Snapshot } from "../../../../src/core/deployment/snapshot.ts";
import { type EffectName, type Outcome, type Row, TABLE } from "../../../../src/core/deployment/table.ts";
import { BREAKS, FAILS_WHEN_CUT } from "../../model/explore.ts";
import { checkChange, checkEnd, checkOrder, checkWorld, Violation } from "../../model/rules.ts";
import type { History, Setup, World } from "../../model/world.ts";

/** The part of a world that is on the disk. */
export type OnDisk = Omit<World, "history" | "agent" | "cuts">;

/** What the checker remembers. A power cut does not affect it. */
export interface Memory {
  readonly history: History;
  readonly saved: Snapshot | undefined;
  /** The last snapshot of an update that has ended. */
  readonly ended: Snapshot | undefined;
  /** The command that was started, until its first snapshot, which does not mean that an effect has ended. */
  readonly enters?: string;
}

const NOTHING: Memory = {
  history: { last: "", done: [], damage: false, trouble: false, userRollback: false },
  saved: undefined,
  ended: undefined,
};

/**
 * Checks a board against the rules of the model (test/system/model/rules.ts). The history that the model needs comes
 * from the snapshots that the agent saves: each one shows which effect begins, and so how the previous one ended.
 */
export class Invariants {
  readonly #setup: Setup;
  #memory: Memory;
  #violation: unknown;

  constructor(setup: Setup, memory = NOTHING) {
    this.#setup = setup;
    this.#memory = memory;
  }

  get memory(): Memory {
    return this.#memory;
  }

  commandStarts(command: string): void {
    const { enters: _, ...memory } = this.#memory;
    this.#memory = memory.saved === undefined ? memory : { ...memory, enters: command };
  }

  /** Takes a durable snapshot; `undefined` when there no longer is one. */
  saved(now: Snapshot | undefined): void {
    try {
      this.#take(now);
    } catch (error) {
      // The agent calls this, and must not take the error for a failure of its store.
      this.#violation ??= error;
    }
  }

  /** @throws the first violation */
  verdict(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  #take(now: Snapshot | undefined): void {
    const { saved: before, history, ended, enters } = this.#memory;
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    if (before === undefined) this.#memory = { ...NOTHING, saved: now };
    else if (enters === undefined) this.#memory = followed(before, now, history);
    else this.#memory = { saved: now, ended, history: entered(enters, before, history) };
    if (now?.phase === "before") this.#remember({ trouble: false });
    if (now?.phase === "main") checkOrder(rowOf(now).run, worldFor(now, this.#memory.history), this.#setup);
  }

  /** Takes the snapshot that a power cut left on the disk. */
  cut(found: Snapshot | undefined): void {
    if (found === undefined && this.#memory.saved?.state !== "cleanup")
      this.#memory = { ...this.#memory, saved: found };
    else this.#take(found);
    if (found?.phase === "main") this.#remember({ last: `${rowOf(found).run}:cut` });
  }

  /** Checks the rules that always hold. `before`: the world when the interrupted command was started. */
  anywhere(before: OnDisk, now: OnDisk): void {
    const { history } = this.#memory;
    const [past, world] = [before, now].map((w): World => ({ ...w, history, agent: undefined, cuts: 0 }));
    if (past === undefined || world === undefined) return;
    checkWorld(world);
    checkChange(past, world);
  }

  /** Checks the rules that hold when no update is pending. */
  atEnd(now: OnDisk): void {
    const { ended, history } = this.#memory;
    const world: World = { ...now, history, agent: undefined, cuts: 0 };
    if (ended !== undefined) {
      checkEnd(world, ended, this.#setup);
      return;
    }
    const isOld = now.name === "old" && now.booted === "A" && now.part === "A" && !now.trial && now.slots.A === "old";
    if (!isOld || now.files.software !== "old") throw new Violation("an update has left traces and nobody knows of it");
  }

  #remember(change: Partial<History>): void {
    this.#memory = { ...this.#memory, history: { ...this.#memory.history, ...change } };
  }
}

function entered(command: string, before: Snapshot, history: History): History {
  const isAsked = command === "rollback" && before.state !== "rollback";
  if (isAsked) return { ...history, last: "asked", userRollback: true };
  return { ...history, trouble: history.trouble || (before.phase === "main" && FAILS_WHEN_CUT.has(history.last)) };
}

function followed(before: Snapshot, now: Snapshot | undefined, history: History): Memory {
  const { run } = rowOf(before);
  const outcome = outcomeBetween(before, now);
  const isBad = outcome === "fail" || (run === "askRollback" && outcome === "no");
  const done: readonly EffectName[] =
    outcome === "ok" && !history.done.includes(run) ? [...history.done, run].sort() : history.done;
  const after: History = {
    ...history,
    last: `${run}:${outcome}`,
    done,
    trouble: history.trouble || isBad,
    damage: history.damage || (isBad && BREAKS.has(run)),
  };
  return { history: after, saved: now, ended: now === undefined ? before : undefined };
}

function outcomeBetween(before: Snapshot, now: Snapshot | undefined): Outcome {
  const row = rowOf(before);
  const place = now === undefined ? "idle" : placeOf(now);
  const fits = (["ok", "no", "hold", "fail"] as const).filter(
    (outcome) => row[outcome] !== undefined && placeOf(next(before, outcome)) === place,
  );
  const isDamaged = now?.inconsistent === true && !before.inconsistent;
  const outcome = isDamaged ? fits.at(-1) : fits[0];
  if (outcome === undefined) throw new Violation(`${placeOf(before)} is followed by ${place}`);
  return outcome;
}

function rowOf({ state }: Snapshot): Row {
  if (state === "idle") throw new Violation("an update that is over is on the disk");
  return TABLE[state];
}

/** Everything that the order of effects depends on. */
function worldFor(snapshot: Snapshot, history: History): World {
  const slots = { A: "old", B: "torn" } as const;
  const files = { tree: "none", backup: false, software: "old", running: "old" } as const;
  const board = { booted: "A", part: "A", trial: false, count: 0, slots, storedValue: undefined, files } as const;
  return { ...board, snapshot, name: "", told: "", agent: "", cuts: 0, history };
}
