import type { RolloutActed, RolloutDecision, RolloutDetails } from "../../src/protocol/api/rollout-views.ts";
import { shownTime } from "./estimate-sentences.ts";

type Facts = Readonly<Record<string, string | number>>;
type Wording = (facts: Facts) => string;

const count = (value: string | number | undefined): string => Number(value ?? 0).toLocaleString("en");
const devices = (value: string | number | undefined): string =>
  `${count(value)} ${Number(value) === 1 ? "device" : "devices"}`;
const waveOf = (facts: Facts): string => `wave ${Number(facts["wave"]) + 1}`;
const at = (value: string | number | undefined): string => shownTime(new Date(Number(value)).toISOString());

/** How a rule that has halted a rollout read. */
const reading = (facts: Facts): string =>
  facts["rule"] === "FAILURE_PCT"
    ? `${Number(facts["reading"]).toFixed(1)} % of the reports are failures, and the limit is ${facts["limit"]} %`
    : `${devices(facts["reading"])} failed, and the limit is ${count(facts["limit"])}`;

/** What a rollout waits for. */
const WAITS: Readonly<Record<string, Wording>> = {
  HALTED: (facts) => `The halt rule has stopped it in ${waveOf(facts)}: ${reading(facts)}. A person must resume it.`,
  RESUME: ({ at: since }) => `It is paused since ${at(since)}. A person must resume it.`,
  APPROVAL: ({ have, need }) => `It has ${count(have)} of ${count(need)} approvals.`,
  WINDOW: ({ opens }) => `Its maintenance window opens ${at(opens)}.`,
  START: (facts) => `Its ${waveOf(facts)} starts ${at(facts["at"])}.`,
  GATE: (facts) =>
    `The gate of ${waveOf(facts)} needs ${devices(facts["needed"])} with the release; ${count(facts["good"])} of ${count(facts["of"])} have it.`,
  SOAK: (facts) => `The gate of ${waveOf(facts)} is met. It soaks until ${at(facts["until"])}.`,
  RATE: () => "Its rate is reached. More devices may begin soon.",
  CONCURRENCY: () => "As many devices are under way at once as may be.",
  DEVICES: ({ underWay, left }) => `${devices(underWay)} under way, ${count(left)} have not begun.`,
  EXPIRY: ({ at: end }) => `It expires ${at(end)}.`,
};

const ENDS: Readonly<Record<string, string>> = {
  FINISHED: "All its devices have an end.",
  EXPIRED: "It has expired.",
  LIMIT_REACHED: "As many devices have begun as may.",
  ABORTED: "It was aborted.",
  ROLLED_BACK: "It was rolled back.",
  HALTED: "The halt rule has aborted it.",
};

const DECISIONS: Readonly<Record<string, Wording>> = {
  OPENED: (facts) => `${waveOf(facts)} opened for ${devices(facts["size"])}`,
  GATE_MET: (facts) => `the gate of ${waveOf(facts)} is met: ${count(facts["good"])} of ${count(facts["of"])}`,
  PASSED: (facts) => `${waveOf(facts)} has passed its gate`,
  HALTED: (facts) => `halted in ${waveOf(facts)}: ${reading(facts)}`,
  EXPIRED: ({ underWay }) => `expired with ${devices(underWay)} under way`,
  ENDED: ({ why }) => `ended. ${ENDS[String(why)] ?? why}`,
  APPROVED: ({ have, need }) => `approved, ${count(have)} of ${count(need)}`,
  PAUSED: () => "paused",
  RESUMED: () => "resumed",
  OPENED_EARLY: (facts) => `${waveOf(facts)} opened before its time`,
  SOAK_SKIPPED: (facts) => `the soak of ${waveOf(facts)} was skipped`,
  RETRIED: ({ failed }) => `${devices(failed)} that failed try again`,
};

const EFFECTS: Readonly<Record<string, (devices: string, isDry: boolean) => string>> = {
  TRY_AGAIN: (n) => `${n} that failed: they get the release again.`,
  GO_ON: (n) => `${n} under way: they end their update.`,
  STOPPED: (n) => `${n} under way: they are told to stop.`,
  MAY_BEGIN: (n) => `${n}: they may begin when they ask.`,
  WAIT: (n) => `${n}: they wait.`,
  NEVER_BEGIN: (n) => `${n}: they have not begun, and do not get the release.`,
  KEEP: (n) => `${n} with the release: they keep it.`,
};

/** What is to be said of a rollout now: how it stands, then what it waits for. */
export function rolloutSentences({ state, ended, totals, waits, waves, waves_open: open }: RolloutDetails): string[] {
  const { updated, had, failed, under_way: underWay, waiting } = totals;
  return [
    `The rollout is ${state}${ended === undefined ? `, in wave ${open} of ${waves}` : ""}: ${devices(updated + had)} with the release, ` +
      `${count(failed)} failed, ${count(underWay)} under way, ${count(waiting)} waiting.`,
    ...(ended === undefined ? [] : [ENDS[ended] ?? ended]),
    ...waits.map(({ code, facts }) => WAITS[code]?.(facts) ?? code),
  ];
}

/** `Mon, 1 Jun 2026, 10:05: wave 2 opened for 25 devices (by admin@example.com)` */
export const decisionSentence = ({ at: time, code, facts, by }: RolloutDecision): string =>
  `${shownTime(time)}: ${DECISIONS[code]?.(facts) ?? code}${by === undefined ? "" : ` (by ${by.email})`}`;

/** What an act has done, or would do. */
export function actedSentences({ act, dry_run: isDry, decisions, effects, roll_back: back }: RolloutActed): string[] {
  return [
    isDry ? `If you ask for ${act.replaceAll("_", "-")}:` : `Done: ${act.replaceAll("_", "-")}.`,
    ...decisions.map(({ code, facts }) => `- ${DECISIONS[code]?.(facts) ?? code}`),
    ...effects.map(({ code, devices: n }) => `- ${EFFECTS[code]?.(devices(n), isDry) ?? code}`),
    ...(back === undefined ? [] : [`- ${devices(back.devices)} with the release: they go back to ${back.release}.`]),
  ];
}
