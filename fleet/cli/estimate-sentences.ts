import type { RolloutEstimate } from "../../src/protocol/api/rollout-estimates.ts";
import { count, shownTime } from "../../src/protocol/words/numbers.ts";
import { megabytes } from "./table.ts";

type Outcome = RolloutEstimate["outcome"];
type Facts = Outcome["reasons"][number]["facts"];

/** What an estimate says, in sentences. */
export function estimateSentences({ outcome, begun, waves, peak, supposed, step_s: stepS }: RolloutEstimate): string[] {
  const { devices, approvals } = supposed;
  return [
    ENDINGS[outcome.kind](outcome, { begun, devices, waves: waves.length }),
    `At its peak, ${count(peak.devices_under_way)} devices are under way, ${count(peak.devices_per_minute)} devices ` +
      `begin in a minute, and they download ${megabytes(peak.bytes_per_second)}/s.`,
    `It supposes that each device polls every ${count(supposed.poll_interval_s)} s, that an update takes ` +
      `${count(supposed.update_s)} s (${count(Math.ceil(supposed.download_s))} s to download ` +
      `${megabytes(supposed.artifact_size)}), and that ${supposed.failure_pct} % of the updates fail` +
      `${supposed.failure_cause === undefined ? "" : ", all by the cause that the halt rule names"}.`,
    ...(approvals > 0 ? [`${approvals} ${approvals === 1 ? "approval counts" : "approvals count"} as given.`] : []),
    `Each time may be late by ${count(Math.ceil(stepS))} s for each wave before it. Times are in ${timeZone()}.`,
  ];
}

interface Numbers {
  readonly begun: number;
  readonly devices: number;
  readonly waves: number;
}

const ENDINGS: Readonly<Record<Outcome["kind"], (outcome: Outcome, numbers: Numbers) => string>> = {
  finishes: ({ at }, { devices }) => `The rollout to ${count(devices)} devices finishes ${shownTime(at)}.`,
  halts({ at, reasons }, { waves }) {
    const { code, facts } = reasons[0] ?? { code: "", facts: {} };
    const reading = Number(facts["reading"]);
    const why =
      code === "FAILURE_PCT"
        ? `${reading.toFixed(1)} % of ${reportsOf(facts)} reports are failures, and the limit is ${facts["limit"]} %`
        : `${count(reading)} devices have failed, and the limit is ${facts["limit"]}`;
    return `The halt rule stops the rollout ${shownTime(at)} in ${waveOf(facts, waves)}: ${why}.`;
  },
  ends({ at, reasons }, { begun, devices }) {
    const why = reasons[0]?.code === "EXPIRED" ? "it expires" : "no more devices may begin";
    return `The rollout ends ${shownTime(at)} with ${count(begun)} of ${count(devices)} devices: ${why}.`;
  },
  waits({ at, reasons }, { waves }) {
    const gate = reasons.find(({ code }) => code === "GATE");
    const what =
      gate === undefined
        ? reasons.map(({ code }) => code).join(", ")
        : `the gate of ${waveOf(gate.facts, waves)} needs ${count(Number(gate.facts["needed"]))} devices ` +
          `with the release, and there are ${count(Number(gate.facts["good"]))}`;
    return `From ${shownTime(at)} on, the rollout waits until a person acts: ${what}.`;
  },
  goes_on: ({ at }, { begun, devices }) =>
    `By ${shownTime(at)}, ${count(begun)} of ${count(devices)} devices have begun. The estimate looks no further.`,
};

/** A device that is overdue counts as one that has reported a failure. */
const reportsOf = (facts: Facts): string => count(Number(facts["reports"]) + Number(facts["overdue"]));

const waveOf = (facts: Facts, waves: number): string => `wave ${Number(facts["wave"]) + 1} of ${waves}`;

const timeZone = (): string => new Intl.DateTimeFormat("en").resolvedOptions().timeZone;
