import type { Outcome, TestReport } from "./outcome.ts";

const MARKS: Readonly<Record<Outcome["result"], string>> = { held: "held", failed: "FAILED", skipped: "skipped" };

/** The lines about one outcome, for people. */
export function* outcomeLines({
  name,
  promise,
  result,
  found,
  advice,
  fault,
  evidence,
  seconds,
}: Outcome): Generator<string> {
  const time = seconds > 0 ? ` (${seconds} s)` : "";
  yield `${MARKS[result].padEnd(7)}  ${name}: ${promise}${time}`;
  yield `         ${found}`;
  if (fault !== undefined) yield `         fault: ${fault}`;
  if (advice !== undefined) yield `         -> ${advice}`;
  for (const line of evidence?.trimEnd().split("\n") ?? []) yield `         | ${line}`;
}

/** The last line. */
export function summaryLine({ outcomes, ok }: TestReport): string {
  const count = (result: Outcome["result"]): number => outcomes.filter((each) => each.result === result).length;
  const verdict = ok
    ? "a device with this image takes updates, and returns to the old system by itself."
    : "correct this before you put the image on a device.";
  return `${count("held")} held, ${count("failed")} failed, ${count("skipped")} skipped: ${verdict}`;
}
