import { isDeepStrictEqual } from "node:util";
import type { Advanced, News } from "../../../../server/domain/rollout/advance.ts";
import type { Counts } from "../../../../server/domain/rollout/counts.ts";
import type { Memory } from "../../../../server/domain/rollout/memory.ts";
import type { World } from "./world.ts";

type Rule = (world: World, before: Memory, news: News, result: Advanced) => boolean;

const sum = (counts: Counts): number =>
  counts.waves.flatMap((wave) => Object.values(wave)).reduce((all: number, n: number) => all + n, 0);
const has = ({ decisions }: Advanced, code: string): boolean => decisions.some((one) => one.code === code);
const did = ({ refused }: Advanced, { acts }: News, name: string): boolean =>
  acts.some((one) => one.act === name && !refused.some(({ act }) => act === one));

/** The gate behind a wave, read from the devices themselves. */
function isGateMet(world: World, wave: number, { from, size }: Memory["waves"][number], counts: Counts): boolean {
  const gate = world.plan.waves[wave]?.gate;
  if (gate === undefined) return true;
  const tally = world.tally(wave);
  const places = Math.min(size, counts.devices - counts.outside - from);
  const base = Math.max(0, places - tally.unfit - tally.left - world.excused(wave));
  return (tally.updated + tally.had) * 100 >= gate.success_pct * base;
}

/** Whether everything that the next wave waits for has come, but for its start. */
function isPassed(world: World, before: Memory, counts: Counts): boolean {
  const index = before.waves.length - 1;
  const newest = before.waves[index];
  if (newest === undefined || newest.passedAt !== undefined) return true;
  const isMet = isGateMet(world, index, newest, counts);
  if (isMet) world.metSince[index] ??= world.now;
  const soaked =
    world.now - (world.metSince[index] ?? world.now) >= (world.plan.waves[index]?.gate?.soak_s ?? 0) * 1000;
  return isMet && (soaked || world.skipped.has(index));
}

const isApproved = ({ plan, approvals, author }: World): boolean =>
  [...approvals].filter((one) => one !== author).length >= (plan.approvals ?? 0);

function isStarted({ plan, now }: World, wave: number): boolean {
  const start = plan.waves[wave]?.start_at;
  return start === undefined || Date.parse(start) <= now;
}

/** Whether a limit of the halt rule is passed, read from the devices themselves. */
function isOverLimit(world: World, before: Memory, counts: Counts): boolean {
  const { plan, resumed } = world;
  const wave = before.waves.length - 1;
  if (plan.halt === undefined || wave < 0) return false;
  const { updated, failed } = world.tally(wave);
  const known = resumed?.wave === wave ? resumed : { failed: 0, reports: 0 };
  const isWindow = plan.halt.window_s !== undefined;
  const failures = isWindow ? counts.recent.failed : failed - known.failed;
  const overdue = counts.overdue - (resumed?.overdue ?? 0);
  const reports = (isWindow ? counts.recent.reports : updated + failed - known.reports) + overdue;
  const { failure_pct: pct = 100, failure_count: count = 1e9, min_reports: least } = plan.halt;
  return failures + overdue > count || (reports >= least && (failures + overdue) * 100 > pct * reports);
}

/** In UTC, by minutes. */
function isInHours({ plan, now }: World): boolean {
  if (plan.window === undefined) return true;
  const time = new Date(now).toISOString().slice(11, 16);
  const { start, end, days } = plan.window;
  const startsOn = new Date(now - (end < start && time < end ? 86_400_000 : 0)).getUTCDay();
  const isDay = days.includes((["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const)[startsOn] ?? "sat");
  return isDay && (end < start ? time >= start || time < end : time >= start && time < end);
}

const isExpired = ({ plan, now }: World): boolean =>
  plan.expires_at !== undefined && now >= Date.parse(plan.expires_at);
const stops = ({ paused, halted, expiredAt, ended }: Memory): boolean =>
  [paused, halted, expiredAt, ended].some((one) => one !== undefined);

const RULES: Readonly<Record<string, Rule>> = {
  "time does not go back": (_w, before, news, { memory }) => memory.at === Math.max(before.at, news.now),
  "it wakes up in the future": (w, _b, _n, { wakeAt }) => wakeAt === undefined || wakeAt > w.now,
  "it ends or says what it waits for": (_w, _b, _n, { memory, waits }) =>
    (memory.ended === undefined) === waits.length > 0,
  "what has ended stays as it is": (_w, before, { acts }, { memory, decisions, refused }) =>
    before.ended === undefined ||
    (decisions.length === 0 &&
      refused.length === acts.length &&
      isDeepStrictEqual(memory.ended, before.ended) &&
      isDeepStrictEqual(memory.waves, before.waves)),
  "abort wins": (_w, before, { acts, ended }, { memory }) =>
    before.ended !== undefined ||
    ended !== undefined ||
    !acts.some(({ act }) => act === "abort" || act === "roll_back") ||
    ["ABORTED", "ROLLED_BACK"].includes(memory.ended?.why ?? ""),
  "a refused act changes nothing": (w, before, news, { memory, refused }) => {
    if (refused.length < news.acts.length || refused.length === 0) return true;
    const without = w.product.advance(w.plan, before, { ...news, acts: [] });
    return isDeepStrictEqual(without.memory, memory);
  },
  "looking twice decides nothing": (w, _b, news, { memory, decisions }) => {
    if (decisions.some(({ code }) => code === "RETRIED" || code.startsWith("OPENED"))) return true;
    const again = w.product.advance(w.plan, memory, { ...news, acts: [] });
    return again.decisions.length === 0 && isDeepStrictEqual(again.memory, memory);
  },
  "nothing happens before it wakes up": (w, _b, news, { memory, wakeAt, allowance, decisions }) => {
    if (decisions.length > 0) return true;
    const at = (wakeAt ?? w.now + 30 * 86_400_000) - 1;
    const later = w.product.advance(w.plan, memory, { ...news, acts: [], now: at });
    return later.decisions.length === 0 && later.allowance.upTo === allowance.upTo;
  },
  "waves stay as they opened": (_w, before, _n, { memory }) =>
    before.waves.every(({ openedAt, from, size }, index) => {
      const now = memory.waves[index];
      return now?.openedAt === openedAt && now.from === from && now.size === size;
    }),
  "waves follow each other, each with places of its own": (w, _b, news, { memory }) =>
    memory.waves.length <= w.plan.waves.length &&
    memory.waves.every(
      ({ from, size, openedAt }, index) =>
        size >= 0 &&
        from + size <= news.counts.devices + news.counts.leftOut &&
        from >= (memory.waves[index - 1]?.from ?? 0) &&
        openedAt >= (memory.waves[index - 1]?.openedAt ?? 0),
    ),
  "a wave has its size": (w, before, { counts }, { memory, decisions }) =>
    // It may have opened before others were left out.
    (decisions.some(({ code }) => code === "OPENED_EARLY") && decisions.some(({ code }) => code === "LEFT_OUT")) ||
    memory.waves.slice(before.waves.length).every(({ from, size }, n) => {
      const index = before.waves.length + n;
      const sizes = w.plan.waves.slice(0, index + 1).map(({ percent, count, group, rest }) => {
        if (rest === true) return counts.devices;
        return group === undefined
          ? (count ?? Math.ceil((counts.devices * (percent ?? 0)) / 100))
          : (counts.groups["canary"] ?? 0);
      });
      const reach = Math.min(
        counts.devices,
        sizes.reduce((all, one) => all + one, 0),
      );
      return from === sum(counts) && from + size === Math.max(from, reach);
    }),
  "what is stopped hands out nothing new": (_w, _b, { counts }, { memory, allowance }) =>
    !stops(memory) || allowance.upTo === sum(counts),
  "nothing begins without an open wave": (_w, _b, _n, { memory, allowance }) =>
    memory.waves.length > 0 || allowance.upTo === 0,
  "nothing begins beyond the open waves": (_w, _b, { counts }, { memory, allowance }) =>
    allowance.upTo <= Math.max(sum(counts), (memory.waves.at(-1)?.from ?? 0) + (memory.waves.at(-1)?.size ?? 0)),
  "no more are under way than may be": ({ plan }, _b, { counts }, { allowance }) => {
    const underWay = counts.waves.reduce((all, wave) => all + wave.underWay, 0);
    return plan.concurrency === undefined || allowance.upTo - sum(counts) <= Math.max(0, plan.concurrency - underWay);
  },
  "no more begin than may at all": ({ plan }, _b, { counts }, { allowance }) =>
    plan.max_devices === undefined || allowance.upTo <= Math.max(plan.max_devices, sum(counts)),
  "no more begin in a minute than may": ({ plan, begun, now }) =>
    plan.rate_per_minute === undefined || begun.filter((at) => at > now - 60_000).length <= plan.rate_per_minute,
  "no more begin in ten seconds than a sixth of a minute's": ({ plan, begun, now }) =>
    plan.rate_per_minute === undefined ||
    begun.filter((at) => at > now - 10_000).length <= Math.max(1, Math.ceil(plan.rate_per_minute / 6)),
  "nothing begins outside of the hours": (w, _b, { counts }, { allowance }) =>
    isInHours(w) || allowance.upTo === sum(counts),
  "what may begin is not held back": (w, _b, { counts }, result) => {
    const { memory, allowance } = result;
    // The failures are under way again: the next look counts them so.
    if (has(result, "RETRIED")) return true;
    const newest = memory.waves.at(-1);
    const { concurrency, max_devices: max, rate_per_minute: rate } = w.plan;
    if (newest === undefined || stops(memory) || !isInHours(w) || rate !== undefined) return true;
    const underWay = counts.waves.reduce((all, wave) => all + wave.underWay, 0);
    const taken = sum(counts);
    const room = Math.min(newest.from + newest.size, max ?? 1e9, taken - underWay + (concurrency ?? 1e9));
    return allowance.upTo === Math.max(taken, room);
  },
  "a rate lets devices begin in the end": (w, _b, { counts }, { memory, allowance }) => {
    const { concurrency, max_devices: max, rate_per_minute: rate } = w.plan;
    const newest = memory.waves.at(-1);
    const isBusy = w.begun.some((at) => at > w.now - 70_000);
    if (rate === undefined || newest === undefined || stops(memory) || !isInHours(w) || isBusy) return true;
    const underWay = counts.waves.reduce((all, wave) => all + wave.underWay, 0);
    const room = Math.min(newest.from + newest.size, max ?? 1e9, sum(counts) - underWay + (concurrency ?? 1e9));
    return room <= sum(counts) || allowance.upTo > sum(counts);
  },
  "the first wave opens with approval and in time": (w, _b, _n, { decisions }) =>
    !decisions.some(({ code, facts }) => code === "OPENED" && facts["wave"] === 0) ||
    (isApproved(w) && isStarted(w, 0)),
  "nothing opens without approval": (w, before, _n, { memory }) =>
    memory.waves.length === before.waves.length || isApproved(w),
  "a wave opens only behind a gate that is passed": (w, before, { counts }, { decisions }) =>
    isPassed(w, before, counts) ||
    !decisions.some(({ code, facts }) => code === "OPENED" && facts["wave"] === before.waves.length),
  "a wave opens in time": (w, _b, _n, { memory, decisions }) =>
    decisions.filter(({ code }) => code === "OPENED").every(({ facts }) => isStarted(w, Number(facts["wave"]))) &&
    memory.waves.length <= w.plan.waves.length,
  "nothing opens while it is stopped": (_w, before, news, result) =>
    !has(result, "OPENED") ||
    !stops(before) ||
    (did(result, news, "resume") && before.expiredAt === undefined && before.ended === undefined),
  "a wave whose time has come opens": (w, before, { counts }, { memory }) => {
    const next = before.waves.length;
    const isDue = isPassed(w, before, counts) && isStarted(w, next) && isApproved(w) && next < w.plan.waves.length;
    return !isDue || stops(memory) || memory.waves.length > next;
  },
  "only a person opens a wave behind a gate that is not passed": (w, before, { counts }, { memory, decisions }) =>
    decisions
      .filter(({ code, facts }) => code === "OPENED" && Number(facts["wave"]) > before.waves.length)
      .every(({ facts }) => {
        const index = Number(facts["wave"]) - 1;
        const wave = memory.waves[index];
        return wave !== undefined && isGateMet(w, index, wave, counts);
      }),
  "it halts when a limit is passed": (w, before, news, { memory }) => {
    const counts = news.acts.some(({ act }) => act === "retry_failed") ? undefined : news.counts;
    if (counts === undefined || before.ended !== undefined || memory.ended?.why === "ABORTED") return true;
    if (memory.ended !== undefined && memory.ended.why !== "HALTED") return true;
    return !isOverLimit(w, before, counts) || memory.halted !== undefined;
  },
  "it halts only when a limit is passed": (w, before, { counts }, result) =>
    !has(result, "HALTED") || isOverLimit(w, before, counts),
  "a halt that aborts ends it": ({ plan }, _b, _n, result) =>
    !has(result, "HALTED") || (plan.halt?.action === "abort") === (result.memory.ended?.why === "HALTED"),
  "it expires in time": (w, before, _n, { memory }) =>
    before.ended !== undefined || memory.ended !== undefined || isExpired(w) === (memory.expiredAt !== undefined),
  "it ends once those that have begun have ended": (w, _b, { counts, ended }, { memory }) => {
    const isBusy = counts.waves.some(({ underWay }) => underWay > 0);
    const isFull = w.plan.max_devices !== undefined && sum(counts) >= w.plan.max_devices;
    if (!isBusy && (isExpired(w) || isFull || ended !== undefined))
      return memory.ended !== undefined || wasRetried(w, counts);
    const why = memory.ended?.why;
    return why !== "EXPIRED" && why !== "LIMIT_REACHED" ? true : !isBusy || _b.ended !== undefined;
  },
  "more success never opens less": (w, before, news, result) => moreSuccess(w, before, news, result),
};

/** A retry that was just asked for: the failures are under way again. */
const wasRetried = ({ memory }: World, counts: Counts): boolean =>
  memory.ended === undefined && counts.waves.some(({ failed }) => failed > 0);

/** One failure less and one success more, in each wave that has a failure. */
function moreSuccess(w: World, before: Memory, news: News, result: Advanced): boolean {
  const waves = news.counts.waves.map((wave) =>
    wave.failed > 0 ? { ...wave, failed: wave.failed - 1, updated: wave.updated + 1 } : wave,
  );
  const recent = { ...news.counts.recent, failed: Math.max(0, news.counts.recent.failed - 1) };
  if (news.acts.length > 0) return true;
  const better = w.product.advance(w.plan, before, { ...news, counts: { ...news.counts, waves, recent } });
  return better.memory.waves.length >= result.memory.waves.length && better.allowance.upTo >= result.allowance.upTo;
}

/** A gate may be met in the moment in which its wave opens. */
function noteGate(world: World, { waves }: Memory, counts: Counts): void {
  const index = waves.length - 1;
  const newest = waves[index];
  if (newest !== undefined && isGateMet(world, index, newest, counts)) world.metSince[index] ??= world.now;
}

/** The first rule that the step breaks. */
export function brokenRule(world: World, before: Memory, news: News, result: Advanced): string | undefined {
  noteGate(world, result.memory, news.counts);
  return Object.entries(RULES).find(([, rule]) => !rule(world, before, news, result))?.[0];
}
