import type { Device, Ended } from "./device.ts";
import type { Lab, Place } from "./lab.ts";

/** What must come of a line. */
export interface Outcome {
  /** Exit status; 0 when absent. */
  readonly exit?: number;
  /** Parts of what it prints. */
  readonly says?: readonly string[];
  /** Files that are not as they were before; for a line that does not apply: none. */
  readonly changes?: readonly string[];
  /** Whether what the example promises has happened. */
  readonly promised?: (device: Device, ended: Ended, lab: Lab) => unknown;
}

/** Where an example is run, and what must come of it. */
export interface Situation extends Outcome {
  readonly at: Place;
  readonly given?: (device: Device, lab: Lab) => void;
  /** Shell around the example, as for something that runs beside it. */
  readonly around?: (line: string) => string;
}

export interface Row {
  readonly example: string;
  /** The situation that the example is for, or the test that runs it: `FILE · TITLE`. */
  readonly fits: Situation | string;
  /** The same once more, straight after that. */
  readonly twice?: Outcome & Pick<Situation, "around">;
  /** Situations that it is not for, by name. */
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
 * Runs `act` and then `line` beside a daemon that waits for its next poll, and ends the daemon when the line has made it
 * ask its server for `call` once more. The exit status is that of the line.
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

/** Runs `line` at a terminal, and types an answer when a question is there. */
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
