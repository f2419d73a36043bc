import type { Advanced, advance, News } from "../../../../server/domain/rollout/advance.ts";
import type { Counts, Leaving, Tally } from "../../../../server/domain/rollout/counts.ts";
import type { initialMemory, Memory } from "../../../../server/domain/rollout/memory.ts";
import type { doorOf } from "../../../../server/domain/rollout/sizes.ts";
import type { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { BEGIN, type Step } from "./plans.ts";

/** What is checked: the real functions, or some with a mistake in them. */
export interface Product {
  readonly advance: typeof advance;
  readonly initialMemory: typeof initialMemory;
  readonly doorOf: typeof doorOf;
}

/** The first rule that a step breaks. */
type FindBroken = (world: World, before: Memory, news: News, result: Advanced) => string | undefined;

type End = keyof Tally;

interface Device {
  readonly place: number;
  readonly isCanary: boolean;
  /** It is of the kind that acts leave out. */
  readonly isOdd: boolean;
  isOut: boolean;
  isExcused: boolean;
  wave: number | undefined;
  status: End | undefined;
  begunAt: number;
  endedAt: number;
}

const DEVICES = 60;

/** A fleet that a rollout reaches, and a server that keeps to what the reducer says. */
export class World {
  readonly plan: Plan;
  readonly product: Product;
  readonly devices: Device[];
  readonly author = "author";
  now = BEGIN;
  memory: Memory;
  last: Advanced;
  /** When devices have begun. */
  readonly begun: number[] = [];
  readonly approvals = new Set<string>();
  /** Since when each wave's gate is met, by this world's own reading. */
  readonly metSince: number[] = [];
  readonly skipped = new Set<number>();
  resumed:
    | { readonly at: number; readonly wave: number; readonly failed: number; readonly reports: number; overdue: number }
    | undefined;

  readonly #brokenRule: FindBroken;

  constructor(plan: Plan, product: Product, brokenRule: FindBroken) {
    this.plan = plan;
    this.product = product;
    this.#brokenRule = brokenRule;
    this.devices = Array.from({ length: DEVICES }, (_, n) => ({
      ...{ place: ((n * 37) % DEVICES) / DEVICES, isCanary: n % 8 === 3, isOdd: n % 10 === 7 },
      ...{ isOut: false, isExcused: false },
      ...{ wave: undefined, status: undefined, begunAt: 0, endedAt: 0 },
    }));
    this.memory = product.initialMemory(this.author, this.now);
    this.last = product.advance(plan, this.memory, this.#news([]));
  }

  /** @returns the rule that is broken, if one is */
  start(): string | undefined {
    return this.#look([]);
  }

  do(step: Step): string | undefined {
    switch (step.do) {
      case "wait":
        return this.#wait(this.now + step.s * 1000);
      case "poll":
        return this.#poll(step.device) ?? this.#look([]);
      case "leave": {
        const device = this.devices[step.device];
        if (device === undefined || (device.status !== undefined && device.status !== "underWay")) return undefined;
        device.status = "left";
        device.endedAt = this.now;
        return this.#look([]);
      }
      case "end": {
        const busy = this.devices.filter(({ status }) => status === "underWay");
        const device = busy[step.device % Math.max(1, busy.length)];
        if (device === undefined) return undefined;
        device.status = step.as;
        device.endedAt = this.now;
        return this.#look([]);
      }
      case "act":
        return this.#look(this.#withLeaving(step.acts as News["acts"]));
    }
  }

  /** The server does one act at a time, so only the first of a step leaves devices out. */
  #withLeaving(acts: News["acts"]): News["acts"] {
    const first = acts.find(({ act }) => act === "leave_out");
    const isRetried = acts.some(({ act }) => act === "retry_failed");
    const waiting = this.devices.filter(({ isOdd, status }) => isOdd && status === undefined);
    const failed = this.devices.filter((one) => one.isOdd && one.status === "failed" && !one.isExcused && !isRetried);
    const leaving = {
      ...{ without: "odd", devices: waiting.length },
      groups: { canary: waiting.filter(({ isCanary }) => isCanary).length },
      failed: this.memory.waves.map((_, index) => failed.filter(({ wave }) => wave === index).length),
    };
    return acts.map((act) => (act === first ? { ...act, leaving } : act));
  }

  #leaveOut(leaving: Leaving): void {
    const isRetried = leaving.failed.every((n) => n === 0);
    for (const device of this.devices.filter(({ isOdd }) => isOdd)) {
      if (device.status === undefined) Object.assign(device, { status: "left", isOut: true, endedAt: this.now });
      else if (device.status === "failed" && !isRetried) device.isExcused = true;
    }
    const wave = this.memory.waves.length - 1;
    const left = this.excused(wave);
    const known = this.resumed?.wave === wave ? this.resumed : { failed: 0, reports: 0 };
    if (left > 0)
      this.resumed = {
        ...{ at: this.resumed?.at ?? 0, wave, overdue: this.resumed?.overdue ?? 0 },
        ...{ failed: Math.max(known.failed, left), reports: Math.max(known.reports, left) },
      };
  }

  /** How many failures of a wave its gate does not ask for. */
  excused = (wave: number): number =>
    this.devices.filter((one) => one.wave === wave && one.isExcused && one.status === "failed").length;

  /** Looks whenever the rollout wants to, as the server does. */
  #wait(until: number): string | undefined {
    for (let at = this.last.wakeAt; at !== undefined && at < until; at = this.last.wakeAt) {
      this.now = at;
      const broken = this.#look([]);
      if (broken !== undefined) return broken;
    }
    this.now = until;
    return this.#look([]);
  }

  /** A device asks: the nth of those that could begin. */
  #poll(n: number): string | undefined {
    const door = this.product.doorOf(this.plan, this.memory.waves.length, this.counts());
    const free = this.devices.filter(
      ({ status, place, isCanary }) =>
        status === undefined && (place < door.below || (isCanary && door.groups.includes("canary"))),
    );
    const device = free[n % Math.max(1, free.length)];
    if (device === undefined || this.#taken() >= this.last.allowance.upTo) return undefined;
    device.wave = this.memory.waves.length - 1;
    device.status = "underWay";
    device.begunAt = this.now;
    this.begun.push(this.now);
    return undefined;
  }

  #taken = (): number => this.devices.filter(({ wave }) => wave !== undefined).length;

  #look(acts: News["acts"]): string | undefined {
    const before = this.memory;
    const counts = this.counts();
    const news = this.#news(acts);
    const result = this.product.advance(this.plan, before, news);
    this.#note(result, acts, counts);
    const leaving = acts.find((act) => act.leaving !== undefined && !result.refused.some((one) => one.act === act));
    if (leaving?.leaving !== undefined) this.#leaveOut(leaving.leaving);
    const after = leaving === undefined ? news : { ...news, counts: this.counts() };
    const broken = this.#brokenRule(this, before, after, result);
    this.memory = result.memory;
    this.last = result;
    if (result.decisions.some(({ code }) => code === "RETRIED"))
      for (const device of this.devices)
        if (device.status === "failed")
          Object.assign(device, { status: "underWay", begunAt: this.now, isExcused: false });
    return broken;
  }

  /** What people have done counts from the moment at which it was done. */
  #note({ refused }: Advanced, acts: News["acts"], counts: Counts): void {
    const wave = this.memory.waves.length - 1;
    const { updated = 0, failed = 0 } = counts.waves[wave] ?? {};
    const { overdue } = counts;
    let isRetried = false;
    for (const act of acts.filter((one) => !refused.some((other) => other.act === one))) {
      if (act.act === "approve") this.approvals.add(act.by);
      if (act.act === "skip_soak") this.skipped.add(wave);
      if (act.act === "retry_failed") {
        isRetried = true;
        if (this.resumed) this.resumed = { ...this.resumed, failed: 0, reports: 0 };
      }
      const left = isRetried ? 0 : failed;
      if (act.act === "resume") this.resumed = { at: this.now, wave, failed: left, reports: updated + left, overdue };
    }
    if (this.resumed) this.resumed.overdue = Math.min(this.resumed.overdue, counts.overdue);
  }

  #news(acts: News["acts"]): News {
    const isOver = this.devices.every(({ status }) => status !== undefined && status !== "underWay");
    return { counts: this.counts(), acts, now: this.now, ...(isOver && { ended: "FINISHED" as const }) };
  }

  counts(): Counts {
    const { halt } = this.plan;
    const waves = this.memory?.waves.map((_, index) => this.tally(index)) ?? [];
    const since = Math.max(this.now - (halt?.window_s ?? 0) * 1000, this.resumed?.at ?? 0);
    const late = this.devices.filter(({ endedAt }) => endedAt > since);
    const failed = late.filter(({ status }) => status === "failed").length;
    const limit = halt?.overdue_after_s;
    const leftOut = this.devices.filter(({ isOut }) => isOut).length;
    return {
      ...{ devices: DEVICES - leftOut, leftOut, waves, causes: [] },
      groups: { canary: this.devices.filter(({ isCanary, isOut }) => isCanary && !isOut).length },
      outside: this.devices.filter(({ wave, status, isOut }) => wave === undefined && status !== undefined && !isOut)
        .length,
      recent: { failed, reports: failed + late.filter(({ status }) => status === "updated").length },
      overdue:
        limit === undefined
          ? 0
          : this.devices.filter(({ status, begunAt }) => status === "underWay" && this.now - begunAt > limit * 1000)
              .length,
    };
  }

  tally(wave: number): Tally {
    const n = (kind: End): number =>
      this.devices.filter((device) => device.wave === wave && device.status === kind).length;
    return {
      ...{ updated: n("updated"), failed: n("failed"), had: n("had"), unfit: n("unfit"), left: n("left") },
      underWay: n("underWay"),
    };
  }
}
