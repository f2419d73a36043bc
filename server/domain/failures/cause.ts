import { hash } from "node:crypto";
import { printable, signatureOf } from "./signature.ts";

/** One message of a log. Devices write it, so it may be anything. */
export interface LogMessage {
  readonly level: string;
  readonly message: string;
}

/**
 * Why a device failed.
 *
 * - `line`: a line of its log says it
 * - `no_log`: no log came
 * - `server`: the server ended its update; the signature is the reason
 * - `other`: the deployment has too many causes to keep each
 */
export type CauseKind = "line" | "no_log" | "server" | "other";

export interface Cause {
  /** The same for the same kind and signature. */
  readonly id: string;
  readonly kind: CauseKind;
  /** What failures of this cause have in common. */
  readonly signature: string;
  /** The line of this device. */
  readonly line: string;
}

export const NO_LOG: Cause = { id: "no_log", kind: "no_log", signature: "", line: "" };
export const OTHER: Cause = { id: "other", kind: "other", signature: "", line: "" };

export const causeByServer = (reason: string): Cause => causeFrom("server", reason, "");

function causeFrom(kind: CauseKind, signature: string, line: string): Cause {
  const id = hash("sha256", `${kind}/${signature}`, "hex").slice(0, 16);
  return { id, kind, signature, line };
}

/**
 * Whether a person means a cause: by its signature or a part of it, by a line of a log or a part of it, or as `no_log`.
 * Capitals do not matter.
 */
export function isNamed(named: string, { kind, signature }: Pick<Cause, "kind" | "signature">): boolean {
  const wanted = signatureOf(named).toLowerCase();
  if (kind === "no_log" || kind === "other") return wanted === kind;
  return wanted !== "" && signature.toLowerCase().includes(wanted);
}

/** So many of the newest messages are read: what went wrong stands at the end. */
const READ_MAX = 20_000;
/** A program says why it failed in one of so many messages before the client says that it did. */
const OUTPUT_WITHIN = 20;

/** The cause that a log tells. `undefined`: it has no message. */
export function causeOf(log: readonly LogMessage[]): Cause | undefined {
  const messages = log.slice(-READ_MAX);
  const found = lineOf(messages);
  if (found === undefined) return undefined;
  const line = printable(found);
  return causeFrom("line", signatureOf(line), line);
}

/** The line that tells the cause best. */
function lineOf(messages: readonly LogMessage[]): string | undefined {
  const errors = messages.flatMap(({ level, message }, index) =>
    ERROR.has(level.toLowerCase()) ? [{ message, index }] : [],
  );
  const chosen =
    errors.find(({ message }) => FAILED_BY.test(message)) ??
    errors.find(({ message }) => !PASSES.test(message)) ??
    errors.at(-1);
  if (chosen !== undefined) {
    const said = SAYS_LITTLE.test(chosen.message) ? outputBefore(messages, chosen.index) : undefined;
    return said ?? chosen.message.replace(FAILED_BY, "");
  }
  const warning = messages.findLast(({ level }) => WARNING.has(level.toLowerCase()));
  return (warning ?? messages.findLast(({ message }) => !TRANSITION.test(message)) ?? messages.at(-1))?.message;
}

const ERROR: ReadonlySet<string> = new Set(["error", "fatal", "panic", "critical"]);
const WARNING: ReadonlySet<string> = new Set(["warn", "warning"]);

/** Mender 3 marks the error that ended an update, and repeats it without the mark. */
const FAILED_BY = /^(?:transient|fatal) error: /;
/** After such an error, the client goes on. */
const PASSES = /\b(?:will (?:re)?try|retrying|will resume|resuming|connection broken|attempting re)/i;
/** All that the client knows is that a program failed. */
const SAYS_LITTLE =
  /\b(?:exit(?:ed)? (?:status|code)|exitCode=|terminated abnormally|process (?:exited|returned)|(?:un)?successful exit)/i;
const TRANSITION = /^State transition: /;
/** How clients record what a program wrote to its standard error: in one line, or in lines between two others. */
const OUTPUT =
  /^(?:Update Module output \(stderr\)|Output \(stderr\) from command "[^"]{0,300}"|Collected output \(stderr\)): /;
const COLLECTED = /^Collected output \(stderr\) while running script [^\n]{0,300}\n/;
const COLLECTED_END = "---------- end of script output";
const OUTPUT_MAX = 4000;

/** The last thing that a program said before its failure was noticed. */
function outputBefore(messages: readonly LogMessage[], index: number): string | undefined {
  for (let at = index - 1; at >= Math.max(0, index - OUTPUT_WITHIN); at -= 1) {
    const message = messages[at]?.message ?? "";
    const text = OUTPUT.test(message)
      ? message.slice(0, OUTPUT_MAX).replace(OUTPUT, "")
      : COLLECTED.test(message)
        ? message.slice(-OUTPUT_MAX).replace(COLLECTED, "").replace(COLLECTED_END, "")
        : "";
    const said = text.split("\n").findLast((line) => line.trim() !== "");
    if (said !== undefined) return said;
  }
  return undefined;
}
