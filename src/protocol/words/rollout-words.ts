import { at, count, devices } from "./numbers.ts";
import type { FactCode, HeadlineCode } from "./rollout-codes.ts";

type Facts = Readonly<Record<string, string | number>>;
type Wording = (facts: Facts) => string;

/**
 * The sentences about rollouts, by their codes: the command line, the console and messages say the same. The server
 * chooses the code and the numbers; here are the words only.
 */
const waveOf = (facts: Facts): string => `wave ${Number(facts["wave"]) + 1}`;

/** How a rule that has halted a rollout read. */
export const reading = (facts: Facts): string => (facts["rule"] === "HEALTH" ? healthOf(facts) : failuresOf(facts));

const healthOf = ({ well, looked, reading: share, limit }: Facts): string =>
  `${count(well)} of ${devices(looked)} with the release are well (${Number(share).toFixed(1)} %), and the limit is ${limit} %`;

const failuresOf = (facts: Facts): string =>
  (facts["rule"] === "FAILURE_PCT"
    ? `${Number(facts["reading"]).toFixed(1)} % of the reports are failures, and the limit is ${facts["limit"]} %`
    : `${devices(facts["reading"])} failed, and the limit is ${count(facts["limit"])}`) + causeOf(facts);

/** The cause of most failures, as far as it was known. */
const causeOf = ({ cause, causeKind, causeFailed }: Facts): string =>
  cause === undefined ? "" : `; ${devices(causeFailed)} failed by: ${causeText(String(causeKind), String(cause))}`;

/** A cause of failures in words. */
export function causeText(kind: string, signature: string): string {
  if (kind === "no_log") return "no log came";
  if (kind === "other") return "all other causes";
  return kind === "server" ? `the server ended the update (${signature})` : `"${signature}"`;
}

/** Who was left out: devices that had not begun, and failures that gates do not ask for any more. */
const leftOut = (facts: Facts): string =>
  `${devices(facts["devices"])} left out, and ${count(facts["failed"])} that failed count no more (without ${facts["without"]})`;

/** What a rollout waits for. */
export const WAITS: Readonly<Record<string, Wording>> = {
  HALTED: (facts) => `The halt rule has stopped it in ${waveOf(facts)}: ${reading(facts)}. A person must resume it.`,
  RESUME: ({ at: since }) => `It is paused since ${at(since)}. A person must resume it.`,
  APPROVAL: ({ have, need }) => `It has ${count(have)} of ${count(need)} approvals.`,
  WINDOW: ({ opens }) => `Its maintenance window opens ${at(opens)}.`,
  START: (facts) => `Its ${waveOf(facts)} starts ${at(facts["at"])}.`,
  GATE: (facts) =>
    `The gate of ${waveOf(facts)} needs ${devices(facts["needed"])} with the release; ${count(facts["good"])} of ${count(facts["of"])} have it.`,
  SOAK: (facts) => `The gate of ${waveOf(facts)} is met. It soaks until ${at(facts["until"])}.`,
  HEALTH: (facts) =>
    facts["looked"] === undefined
      ? `The gate of ${waveOf(facts)} looks how updated devices are.`
      : `The gate of ${waveOf(facts)} needs ${devices(facts["needed"])} with the release that are well; ${count(facts["well"])} of ${count(facts["looked"])} are.`,
  RATE: () => "Its rate is reached. More devices may begin soon.",
  CONCURRENCY: () => "As many devices are under way at once as may be.",
  DEVICES: ({ underWay, left }) => `${devices(underWay)} under way, ${count(left)} have not begun.`,
  EXPIRY: ({ at: end }) => `It expires ${at(end)}.`,
};

/** How a rollout has ended. */
export const ENDS: Readonly<Record<string, string>> = {
  FINISHED: "All its devices have an end.",
  EXPIRED: "It has expired.",
  LIMIT_REACHED: "As many devices have begun as may.",
  ABORTED: "It was aborted.",
  ROLLED_BACK: "It was rolled back.",
  HALTED: "The halt rule has aborted it.",
};

/** What was decided, after the time at which it was. */
export const DECISIONS: Readonly<Record<string, Wording>> = {
  OPENED: (facts) => `${waveOf(facts)} opened for ${devices(facts["size"])}`,
  GATE_MET: (facts) => `the gate of ${waveOf(facts)} is met: ${count(facts["good"])} of ${count(facts["of"])}`,
  HEALTH_LOST: (facts) =>
    `${waveOf(facts)} soaks no more: ${count(facts["well"])} of ${devices(facts["looked"])} are well, ${count(facts["needed"])} must be`,
  PASSED: (facts) => `${waveOf(facts)} has passed its gate`,
  HALTED: (facts) => `halted in ${waveOf(facts)}: ${reading(facts)}`,
  EXPIRED: ({ underWay }) => `expired with ${devices(underWay)} under way`,
  ENDED: ({ why }) => `ended. ${ENDS[String(why)] ?? why}`,
  APPROVED: ({ have, need }) => `approved, ${count(have)} of ${count(need)}`,
  PAUSED: () => "paused",
  RESUMED: (facts) => (facts["without"] === undefined ? "resumed" : `resumed, ${leftOut(facts)}`),
  LEFT_OUT: leftOut,
  OPENED_EARLY: (facts) => `${waveOf(facts)} opened before its time`,
  SOAK_SKIPPED: (facts) => `the soak of ${waveOf(facts)} was skipped`,
  RETRIED: ({ failed }) => `${devices(failed)} that failed try again`,
};

/** What becomes of devices by an act. */
export const EFFECTS: Readonly<Record<string, (devices: string, isDry: boolean) => string>> = {
  TRY_AGAIN: (n) => `${n} that failed: they get the release again.`,
  GO_ON: (n) => `${n} under way: they end their update.`,
  STOPPED: (n) => `${n} under way: they are told to stop.`,
  MAY_BEGIN: (n) => `${n}: they may begin when they ask.`,
  WAIT: (n) => `${n}: they wait.`,
  NEVER_BEGIN: (n) => `${n}: they have not begun, and do not get the release.`,
  KEEP: (n) => `${n} with the release: they keep it.`,
  LEAVE: (n) => `${n}: they are left out, and do not get the release.`,
  COUNT_NO_MORE: (n) => `${n} that failed: gates do not ask for them any more.`,
};

/** How a rollout stands, in one sentence. `by`: who has brought it there. */
const HEADLINES: Readonly<Record<HeadlineCode, (facts: Facts, by: string) => string>> = {
  ON_COURSE: (facts) =>
    `On course, in wave ${Number(facts["wave"]) + 1} of ${facts["waves"]}: ${count(facts["updated"])} of ${devices(facts["devices"])} with the release.`,
  SOAKING: (facts) => `The gate of ${waveOf(facts)} is met. It soaks until ${at(facts["until"])}.`,
  OUTSIDE_WINDOW: ({ opens }) => `Outside of its maintenance window, which opens ${at(opens)}.`,
  WAITS_FOR_APPROVAL: ({ have, need }) => `Waits for approval: ${count(have)} of ${count(need)}.`,
  WAITS_FOR_START: ({ at: start }) => (start === undefined ? "Waits for its start." : `Starts ${at(start)}.`),
  PAUSED: ({ at: since }, by) => `Paused${by} since ${at(since)}.`,
  HALTED: (facts) => `Halted by its rule ${at(facts["at"])} in ${waveOf(facts)}: ${reading(facts)}.${nowOf(facts)}`,
  ENDING: ({ underWay }) => `Expired. It ends with the ${devices(underWay)} under way.`,
  FINISHED: (facts) => `Finished: ${updatedOf(facts)}.${endOf(facts)}`,
  ABORTED: (facts, by) => `Aborted${by} ${at(facts["at"])}: ${updatedOf(facts)}.${endOf(facts)}`,
};

const updatedOf = (facts: Facts): string =>
  `${count(facts["updated"])} of ${devices(facts["devices"])} with the release, ${count(facts["failed"])} failed`;

const endOf = ({ why }: Facts): string =>
  why === "FINISHED" || why === "ABORTED" ? "" : ` ${ENDS[String(why)] ?? why}`;

/** The failures now, if they can be told in per cent. */
function nowOf({ failedNow, reportsNow, rule }: Facts): string {
  const reports = Number(reportsNow ?? 0);
  if (reports === 0) return "";
  const failed = Number(failedNow);
  const share = rule === "FAILURE_PCT" ? ` (${((failed * 100) / reports).toFixed(1)} %)` : "";
  return ` Now ${count(failed)} of ${count(reports)} have failed${share}.`;
}

/** What devices that failed share, and how many of the others have it, too. */
const sharedOf = ({ attribute, value, have, of, othersHave, othersOf }: Facts): string =>
  attribute === undefined
    ? ""
    : ` ${count(have)} of ${count(of)} have ${attribute} ${value}; of those with the release, ${count(othersHave)} of ${count(othersOf)}.`;

/** `All 40 devices`, or `The 10,000 devices that were looked at`: never more is said than is known. */
const FACTS: Readonly<Record<FactCode, Wording>> = {
  FAILED_INCONSISTENT: (facts) =>
    `${count(facts["devices"])} of the ${devices(facts["failed"])} that failed could not go back, and may be down.`,
  FAILED_UNHEARD: (facts) =>
    `${count(facts["devices"])} of the ${devices(facts["failed"])} that failed have not said since that they run what they ran before.`,
  ONE_CAUSE: (facts) =>
    `${count(facts["devices"])} of the ${devices(facts["failed"])} that failed have one cause: ` +
    `${causeText(String(facts["kind"]), String(facts["cause"]))}.${sharedOf(facts)}`,
  FAILED_BACK: (facts) =>
    Number(facts["devices"]) === 1
      ? "The device that failed is not down: it runs what it ran before."
      : `None of the ${devices(facts["devices"])} that failed is down: all run what they ran before.`,
  UPDATED_SILENT: (facts) => `${count(facts["devices"])} of ${devices(facts["looked"])} with the release poll no more.`,
  UPDATED_OTHER: (facts) =>
    `${count(facts["devices"])} of ${devices(facts["looked"])} that were updated run another release now.`,
  UPDATED_UNHEARD: (facts) =>
    `${count(facts["devices"])} of ${devices(facts["looked"])} with the release have not polled since` +
    (facts["until"] === undefined ? "." : `, which is usual until ${at(facts["until"])}.`),
  UPDATED_WELL: (facts) =>
    Number(facts["devices"]) === 1
      ? "The device with the release has polled since."
      : `All ${devices(facts["devices"])} with the release have polled since.`,
  UNDER_WAY_SILENT: (facts) =>
    `${count(facts["devices"])} of the ${devices(facts["underWay"])} under way are not heard any more.`,
  UNDER_WAY: ({ devices: n, waiting }) => `${devices(n)} under way, ${count(waiting)} have not begun.`,
  NOT_BEGUN: ({ devices: n }) => `${devices(n)} ${Number(n) === 1 ? "has" : "have"} not begun.`,
};

interface Said<Code extends string> {
  readonly code: Code;
  readonly facts: Facts;
}

/** A code without words is said as it is: the server may be newer. */
const worded = <Code extends string, Word>(words: Readonly<Record<Code, Word>>, code: Code): Word | undefined =>
  Object.hasOwn(words, code) ? words[code] : undefined;

export const headlineSentence = ({
  code,
  facts,
  by,
}: Said<HeadlineCode> & { readonly by?: { readonly email: string } | undefined }): string =>
  worded(HEADLINES, code)?.(facts, by === undefined ? "" : ` by ${by.email}`) ?? code;

export const factSentence = ({ code, facts }: Said<FactCode>): string => worded(FACTS, code)?.(facts) ?? code;
