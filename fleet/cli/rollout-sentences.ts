import type { RolloutActed, RolloutDecision, RolloutDetails } from "../../src/protocol/api/rollout-views.ts";
import { count, devices, shownTime } from "../../src/protocol/words/numbers.ts";
import { DECISIONS, EFFECTS, ENDS, WAITS } from "../../src/protocol/words/rollout-words.ts";

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

/** What a person sees of a rollout before an act. */
export const seenSentence = (rollout: RolloutDetails): string =>
  `Revision ${rollout.rev}. ${rolloutSentences(rollout)[0]}`;

/** What an act has done, or would do to this revision. */
export function actedSentences(
  { act, dry_run: isDry, decisions, effects, roll_back: back }: RolloutActed,
  rev: number,
): string[] {
  const name = act.replaceAll("_", "-");
  return [
    isDry ? `If you ask for ${name}:` : `Done: ${name}.`,
    ...decisions.map(({ code, facts }) => `- ${DECISIONS[code]?.(facts) ?? code}`),
    ...effects.map(({ code, devices: n }) => `- ${EFFECTS[code]?.(devices(n), isDry) ?? code}`),
    ...(back === undefined ? [] : [`- ${devices(back.devices)} with the release: they go back to ${back.release}.`]),
    ...(isDry ? [`To do so only if nothing has been decided meanwhile: ${name} --revision ${rev}`] : []),
  ];
}
