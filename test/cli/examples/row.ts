import type { Device, Ended } from "./device.ts";
import type { Lab, Place } from "./lab.ts";

/** The expected result of a line. */
export interface Outcome {
  /** Exit status; 0 when absent. */
  readonly exit?: number;
  /** Parts of what it prints. */
  readonly says?: readonly string[];
  /** Files that the line changes; none if the line does not apply. */
  readonly changes?: readonly string[];
  /** Tells whether the promise of the example is fulfilled. */
  readonly promised?: (device: Device, ended: Ended, lab: Lab) => unknown;
}

/** The situation in which an example runs, and the expected result. */
export interface Situation extends Outcome {
  readonly at: Place;
  readonly given?: (device: Device, lab: Lab) => void;
  /** Shell code around the example, for example to run something in parallel. */
  readonly around?: (line: string) => string;
}

export interface Row {
  readonly example: string;
  /** The situation that the example is for, or the test that runs it: `FILE · TITLE`. */
  readonly fits: Situation | string;
  /** The expected result of a second run, straight after the first. */
  readonly twice?: Outcome & Pick<Situation, "around">;
  /** Situations to which the example does not apply, by name. */
  readonly otherwise: Readonly<Record<string, Situation>>;
}

/** Runs `line` as a service until its log says `ready`, then `act`, and stops it. The exit status is that of the service. */
export const asService =
  (ready: string, act = "true") =>
  (line: string): string =>
    `${line} 2>/tmp/log & pid=$!
    until grep -q '${ready}' /tmp/log || ! kill -0 $pid; do sleep 0.02; done
    ${act}
    kill $pid; wait $pid; status=$?; cat /tmp/log >&2; exit $status`;

/**
 * Runs `act` and then `line` while a daemon waits for its next poll. Ends the daemon when the line has made it send
 * `call` to its server once more. The exit status is that of the line.
 */
export const besideDaemon =
  (call?: "next" | "inventory", act = "true") =>
  (line: string): string =>
    `switchback daemon 2>/tmp/log & pid=$!
    until [ -s /signals/next ]; do sleep 0.02; done
    ${act}
    ${line}
    status=$?
    ${call === undefined ? "" : `until [ "$(wc -c </signals/${call})" -ge 2 ]; do sleep 0.02; done`}
    kill $pid; wait $pid; exit $status`;

/** Runs `line` on a terminal, and types an answer when a question appears. */
export const typing =
  (...answers: readonly (readonly [question: string, answer: string])[]) =>
  (line: string): string =>
    `rm -f /tmp/keys; mkfifo /tmp/keys; : >/tmp/shown
    script -qefc '${line}' /tmp/shown </tmp/keys >/dev/null & pid=$!
    exec 3>/tmp/keys
    ${answers
      .map(
        ([question, answer]) =>
          `until grep -q '${question}' /tmp/shown || ! kill -0 $pid; do sleep 0.02; done; echo '${answer}' >&3`,
      )
      .join("\n")}
    wait $pid; status=$?; cat /tmp/shown; exit $status`;
