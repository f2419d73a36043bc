import { owesUndo } from "../../../adapters/payload/rootfs-image/handler.ts";
import { damaged, holdAt, isAtRest, next, nextAfterRestart, redirect } from "../../../src/core/deployment/reducer.ts";
import { entryState, placeOf, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { STOP_BEFORE } from "../../../src/core/deployment/stop-before.ts";
import {
  type EffectName,
  ENTRIES,
  type Entries,
  type EntryName,
  MAX_TRANSITIONS,
  type Outcome,
  type Row,
  TABLE,
  type Table,
  type Target,
} from "../../../src/core/deployment/table.ts";
import { start } from "./board.ts";
import { type Ending, endings } from "./endings.ts";
import { finishUndo } from "./payload.ts";
import {
  checkChange,
  checkDevice,
  checkEnd,
  checkOrder,
  checkOwed,
  checkScripts,
  checkUndone,
  checkWorld,
  Violation,
} from "./rules.ts";
import {
  afterTheEnd,
  DECIDING,
  firstWorld,
  type History,
  keyOf,
  MAX_RESUMES,
  type Setup,
  seenByServer,
  type World,
} from "./world.ts";

/** What is tested: the real tables and the real start-up, or mutants of them. */
export interface Product {
  readonly table: Table;
  readonly entries: Entries;
  readonly finishUndo: typeof finishUndo;
}
export const PRODUCT: Product = { table: TABLE, entries: ENTRIES, finishUndo };

export interface Scope {
  readonly cuts: number;
  /** Whether scripts fail whose failure leaves damage. (Other failing scripts just fail their row, and always can.) */
  readonly damage: boolean;
  /** Values of `--stop-before` that users give, including `none`. */
  readonly stops: readonly string[];
}
export const EVERY_STOP: readonly string[] = ["none", ...Object.keys(STOP_BEFORE)];

export interface Broken {
  readonly message: string;
  readonly path: readonly string[];
}

interface Step {
  readonly world: World;
  readonly via: string;
  readonly from: Step | undefined;
}

/** Where a world reads the tables: before an effect (`run:state`), or when a command finds it (`found:place`). */
function readsAt(w: World): string {
  if (w.snapshot === undefined || w.booted === undefined) return "";
  return w.agent === undefined ? `found:${placeOf(w.snapshot)}` : `run:${w.snapshot.state}`;
}

/** Visits every reachable world, and stops at the first broken promise. */
export class Exploration {
  /** Visited cells: `state.column` and `command.place`. */
  readonly cells = new Set<string>();
  transitions = 0;
  readonly #setup: Setup;
  readonly #product: Product;
  readonly #scope: Scope;
  readonly #seen = new Set<string>();
  readonly #readers = new Map<string, Set<Step>>();
  readonly #base: Exploration | undefined;
  #found: { world: World; via: string }[] = [];
  #current: Step | undefined;

  constructor(setup: Setup, scope: Scope, product = PRODUCT, base?: Exploration) {
    this.#setup = setup;
    this.#scope = scope;
    this.#product = product;
    this.#base = base;
  }

  get worlds(): number {
    return this.#seen.size;
  }

  /** Explores from the beginning of an update. */
  run(): Broken | undefined {
    const stops = this.#setup.mode === "managed" ? ["none"] : this.#scope.stops;
    const origins = this.#setup.title.endsWith("rootfs-image") ? [undefined, "B" as const] : [undefined];
    return this.#explore(
      stops.flatMap((stop) =>
        origins.map((storedValue) => ({
          world: firstWorld(this.#setup, stop, storedValue),
          via: `install ${stop}`,
          from: undefined,
        })),
      ),
      [],
    );
  }

  /**
   * Explores another product, which differs from this one only where `cell` is read. Visits only worlds that this
   * exploration has not visited: all others behave as before, or read the cell, and the new exploration starts there.
   */
  mutate(product: Product, cell: string): Broken | undefined {
    return new Exploration(this.#setup, this.#scope, product, this).#explore([], [...(this.#readers.get(cell) ?? [])]);
  }

  /** Where the running effect leads when it ends with `outcome` after doing as much of its work as it can. */
  follow(w: World, outcome: Outcome): { readonly world: World; readonly place: string } {
    this.#found = [];
    this.#move(w);
    const mark = `: ${outcome} -> `;
    const [found] = this.#found.filter(({ via }) => via.includes(mark));
    if (found === undefined) throw new Error(`no effect ends with ${outcome} here`);
    return { world: found.world, place: found.via.slice(found.via.indexOf(mark) + mark.length) };
  }

  #explore(first: readonly Step[], again: readonly Step[]): Broken | undefined {
    const open = [...first];
    let broken = this.#drain(open);
    for (const step of again) {
      broken ??= this.#expand(step, open) ?? this.#drain(open);
      if (broken !== undefined) break;
    }
    return broken;
  }

  #drain(open: Step[]): Broken | undefined {
    for (const step of open) {
      const key = keyOf(step.world);
      if (this.#seen.has(key) || this.#isOld(key)) continue;
      this.#seen.add(key);
      if (this.#base === undefined) this.#remember(readsAt(step.world), step);
      const broken = this.#expand(step, open);
      if (broken !== undefined) return broken;
    }
    open.length = 0;
    return undefined;
  }

  #isOld(key: string): boolean {
    return this.#base === undefined ? false : this.#base.#seen.has(key);
  }

  #remember(cell: string, step: Step): void {
    const readers = this.#readers.get(cell);
    if (readers === undefined) this.#readers.set(cell, new Set([step]));
    else readers.add(step);
  }

  /** A step that enters a state also reads its row, to see whether an update of this mode has that state. */
  #rememberEntered(target: Target | undefined): void {
    if (this.#base !== undefined || this.#current === undefined) return;
    if (target === undefined || target === "idle" || target.startsWith("@")) return;
    this.#remember(`enter:${target}`, this.#current);
    const { managed, ok } = this.#product.table[target as keyof Table];
    if (managed === true && this.#setup.mode === "standalone") this.#rememberEntered(ok);
  }

  #expand(step: Step, open: Step[]): Broken | undefined {
    this.#found = [];
    this.#current = step;
    try {
      checkWorld(step.world);
      this.#move(step.world);
    } catch (error) {
      if (!(error instanceof Violation) && !(error instanceof TypeError)) throw error;
      return { message: error.message, path: pathTo(step) };
    }
    this.transitions += this.#found.length;
    for (const { world, via } of this.#found) open.push({ world, via, from: step });
    return undefined;
  }

  #add(world: World, via: string): void {
    if (world.cuts <= this.#scope.cuts) this.#found.push({ world, via });
  }

  #move(w: World): void {
    if (w.booted === undefined) this.#powerOn(w);
    else if (w.agent !== undefined && w.snapshot !== undefined) this.#runEffect(w, w.snapshot, w.agent);
    else {
      if (w.snapshot === undefined) {
        this.#startWithoutUpdate(w);
        return;
      }
      this.#add({ ...w, booted: undefined }, "power-cycle");
      if (this.#setup.mode === "managed") this.#resume(w, w.snapshot, "none", "agent starts");
      else this.#commands(w, w.snapshot);
    }
  }

  /** A start whose write fails changes nothing, so what holds after one start holds after any number of them. */
  #startWithoutUpdate(w: World): void {
    if (!owesUndo(w.storedValue)) return;
    const { half, done } = this.#product.finishUndo(w, this.#setup) ?? { done: w };
    checkUndone(done);
    this.#add({ ...w, booted: undefined }, "power-cycle");
    if (half !== undefined) this.#add({ ...half, cuts: w.cuts + 1 }, "agent starts: killed");
    this.#add(done, "agent starts");
  }

  #powerOn(w: World): void {
    const { saves, up } = start(w);
    for (const env of saves) this.#add({ ...w, ...env, cuts: w.cuts + 1 }, "power cut in the boot loader");
    this.#add({ ...w, ...saves.at(-1), booted: up, files: { ...w.files, running: w.files.software } }, "power-on");
  }

  #commands(w: World, s: Snapshot): void {
    for (const stop of this.#scope.stops) {
      this.#resume(w, s, stop, `resume ${stop}`);
      for (const command of ["commit", "rollback"] as const) this.#command(command, w, s, stop);
    }
  }

  /** Mirrors src/core/deployment/standalone.ts. */
  #command(command: EntryName, w: World, s: Snapshot, stop: string): void {
    const target = entryState(command, s, this.#product.entries);
    if (MUST_TAKE[command].has(placeOf(s)) !== (target !== undefined))
      throw new Violation(`${command} at ${placeOf(s)} is ${target === undefined ? "refused" : "taken"}`);
    if (target === undefined) return;
    this.cells.add(`${command}.${placeOf(s)}`);
    if (target === "askRollback" && !this.#setup.rollback) {
      if (command === "commit") throw new Violation("a commit is refused because there is no way back");
      return;
    }
    if (command === "rollback" && !this.#setup.rollback)
      throw new Violation("what cannot be rolled back is not left alone");
    const isAsked = command === "rollback" && s.state !== "rollback";
    const history: History = isAsked ? { ...w.history, last: "asked", userRollback: true } : w.history;
    if (target === "resume") this.#resume({ ...w, history }, s, stop, `${command} ${stop}`);
    else {
      const entered = target === "askRollback" ? "rollback" : target;
      this.#enter({ ...w, history }, redirect(s, entered), entered, stop, `${command} ${stop}`);
    }
  }

  #resume(w: World, s: Snapshot, stop: string, via: string): void {
    const goesOn = s.download !== undefined && s.download.resumes < MAX_RESUMES;
    const row = s.phase === "main" ? this.#row(s) : undefined;
    if (row !== undefined) this.cells.add(`${s.state}.${goesOn ? "resumes" : "crash"}`);
    const isCut = row !== undefined && !goesOn && FAILS_WHEN_CUT.has(w.history.last);
    const target = row === undefined ? s.state : goesOn ? row.resumes : row.crash;
    const history = { ...w.history, trouble: w.history.trouble || isCut };
    this.#enter({ ...w, history }, nextAfterRestart(s, MAX_RESUMES, this.#product.table), target, stop, via);
  }

  #runEffect(w: World, s: Snapshot, stop: string): void {
    const row = this.#row(s);
    const effect = row.run;
    checkOrder(effect, w, this.#setup);
    for (const ending of endings(row, w, this.#setup, this.#scope.damage)) {
      checkScripts(effect, ending, w, this.#setup);
      checkChange(w, ending.world);
      checkOwed(effect, ending, w);
      this.#end(ending, effect, w, s, stop);
    }
  }

  #end(ending: Ending, effect: EffectName, w: World, before: Snapshot, stop: string): void {
    const { world, outcome, name, reboots } = ending;
    const via = `${effect}${world === w ? "" : " acts"}${ending.damaged === true ? ", scripts fail" : ""}: `;
    const kept = ending.kept === true ? { download: before.download ?? { uri: "", lengthBytes: 1, resumes: 0 } } : {};
    const s = { ...(ending.damaged === true ? damaged(before) : before), ...kept };
    const past = ending.damaged === true ? { ...w.history, damage: true, trouble: true } : w.history;
    if (reboots === true) {
      const history: History = { ...past, last: `${effect}:gone` };
      this.#add({ ...world, booted: undefined, agent: undefined, snapshot: s, history }, `${via}reboots`);
      return;
    }
    if (outcome === undefined) {
      const history: History = { ...past, last: `${effect}:cut` };
      const killed = { ...world, agent: undefined, cuts: w.cuts + 1, snapshot: s, history };
      this.#add(killed, `${via}killed`);
      this.#add({ ...killed, booted: undefined }, `${via}power cut`);
      return;
    }
    this.cells.add(`${s.state}.${outcome}`);
    const isBad = outcome === "fail" || outcome === "abort" || (effect === "askRollback" && outcome === "no");
    const history: History = {
      ...past,
      last: `${effect}:${outcome}`,
      done:
        outcome === "ok" && DECIDING.has(effect) && !past.done.includes(effect)
          ? [...past.done, effect].sort()
          : past.done,
      trouble: past.trouble || (isBad && !SETTLED.has(effect)),
      damage: past.damage || (isBad && BREAKS.has(effect)),
    };
    const now = next(s, outcome, this.#product.table);
    if (outcome === "hold" && !isAtRest(now))
      throw new Violation("somebody else has to go on, and nobody waits for him");
    if (outcome === "hold" && entryState("commit", now, this.#product.entries) === undefined)
      throw new Violation("what waits for a commit refuses it");
    this.#enter({ ...world, name: name ?? world.name, history }, now, this.#row(s)[outcome], stop, `${via}${outcome}`);
  }

  /** Saves, and then rests or runs, like the driver. */
  #enter(w: World, wanted: Snapshot, target: Target | undefined, stop: string, via: string): void {
    this.#rememberEntered(target);
    const gaveUp = wanted.state === "saveProvides" && wanted.transitions > MAX_TRANSITIONS && target !== wanted.state;
    const history = gaveUp ? { ...w.history, damage: true, trouble: true } : w.history;
    const stopState = stop === "none" ? undefined : STOP_BEFORE[stop as keyof typeof STOP_BEFORE];
    const now = !isAtRest(wanted) && wanted.state === stopState ? holdAt(wanted) : wanted;
    const rested = now.phase === "before" ? { ...history, trouble: false } : history;
    const world: World = {
      ...w,
      history: rested,
      agent: isAtRest(now) ? undefined : stop,
      snapshot: now.state === "idle" ? undefined : now,
    };
    if (now.state === "idle") checkEnd(world, now, this.#setup);
    const isTold = now.state === "reportResult" && w.snapshot?.state !== "reportResult";
    if (isTold) checkDevice(world, now, this.#setup);
    const isOver = isTold || now.state === "idle";
    if (isOver && owesUndo(world.storedValue)) this.#add(afterTheEnd(world), `${via} -> over, with an undo owed`);
    this.#add(isTold ? seenByServer(world, this.#setup) : world, `${via} -> ${placeOf(now)}`);
  }

  #row(s: Snapshot): Row {
    if (s.state === "idle") throw new Violation("idle has nothing to do");
    return this.#product.table[s.state];
  }
}

/** If one of these is interrupted and resumed, the update has failed. */
export const FAILS_WHEN_CUT: ReadonlySet<History["last"]> = new Set([
  "download:cut",
  "install:cut",
  "askReboot:cut",
  "verifyReboot:cut",
  "reachServer:cut",
  "commit:cut",
] as const);

/** By the time these run, the result of the update is settled. */
const SETTLED: ReadonlySet<EffectName> = new Set(["reportResult", "sendLog"]);

/** A failure in one of these leaves damage. */
export const BREAKS: ReadonlySet<EffectName> = new Set(["commitLeave", "askRollback", "rollback", "failure"]);

/** The newest client's rule at our places: its ArtifactInstall_Enter is our install and askReboot, and so on. */
const MUST_TAKE: Readonly<Record<EntryName, ReadonlySet<string>>> = {
  commit: new Set(["@commit", "commit"]),
  rollback: new Set([
    ...["@install", "install", "askReboot", "@commit", "commit", "@commitLeave"],
    ...["askRollback", "@rollback", "rollback"],
  ]),
};

function pathTo(step: Step): string[] {
  const path: string[] = [];
  for (let at: Step | undefined = step; at !== undefined; at = at.from) path.unshift(at.via);
  return path;
}
