import { AgentError, describeError, type ErrorDetail } from "../../errors/agent-error.ts";
import type { ErrorCode } from "../../errors/catalogue.ts";
import type { Finding } from "../../ports/finding.ts";

/** One part of the board, and how it is looked at. */
export interface Examination {
  readonly area: string;
  /** What to do where it cannot be looked at. */
  readonly advice: string;
  /** May reject with a named failure, which then is the finding. */
  look(signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface Examined extends Finding {
  readonly area: string;
}

/** Where what to do depends on the failure and not on what was looked at. */
const ADVICE: Partial<Readonly<Record<ErrorCode, (detail: ErrorDetail) => string>>> = {
  BOARD_OFF: ({ board }) => `switchback board boot ${board}`,
};

/**
 * Looks at each part in turn: what is wrong with one keeps no other from being looked at. A cause that shows in several
 * parts is told once.
 *
 * @param isConsequence of something that is a finding already
 */
export async function* examine(
  all: readonly Examination[],
  signal: AbortSignal,
  isConsequence: (error: unknown) => boolean = () => false,
): AsyncGenerator<Examined> {
  const told = new Set<string>();
  for (const { area, advice, look } of all) {
    let findings: readonly Finding[];
    try {
      findings = await look(signal);
    } catch (error) {
      signal.throwIfAborted();
      const finding = failed(area, advice, error);
      findings = isConsequence(error) ? [] : [finding];
    }
    for (const finding of findings) {
      const { level, subject, found } = finding;
      // Of what failed as a whole the subject is only where it was noticed.
      const cause = subject === area ? found : `${subject}: ${found}`;
      if (level !== "good" && told.has(cause)) continue;
      told.add(cause);
      yield { area, ...finding };
    }
  }
}

/** What only the system's own word is known of (EACCES, EIO) is a finding of a board, too. */
function failed(area: string, advice: string, error: unknown): Finding {
  if (error instanceof AgentError) {
    return {
      level: "bad",
      subject: area,
      found: describeError(error),
      advice: ADVICE[error.code]?.(error.detail) ?? advice,
    };
  }
  if (error instanceof Error && "code" in error) return { level: "bad", subject: area, found: error.message, advice };
  throw error;
}
