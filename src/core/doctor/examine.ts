import { AgentError, describeError, type ErrorDetail } from "../../errors/agent-error.ts";
import type { ErrorCode } from "../../errors/catalogue.ts";
import type { Finding } from "../../ports/finding.ts";

/** One part of the board and how to examine it. */
export interface Examination {
  readonly area: string;
  /** The advice for the user if the examination fails. */
  readonly advice: string;
  /** May reject with a named failure, which becomes the finding. */
  look(signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface Examined extends Finding {
  readonly area: string;
}

/** Failures whose advice depends on the failure, not on the examined part. */
const ADVICE: Partial<Readonly<Record<ErrorCode, (detail: ErrorDetail) => string>>> = {
  BOARD_OFF: ({ board }) => `switchback board boot ${board}`,
};

/**
 * Examines each part in turn: a failure in one part does not stop the others. Reports a cause that shows in several
 * parts only once.
 *
 * @param isConsequence whether an error follows from something that is already a finding
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
      // If the whole area failed, the subject only says where the cause was noticed.
      const cause = subject === area ? found : `${subject}: ${found}`;
      if (level !== "good" && told.has(cause)) continue;
      told.add(cause);
      yield { area, ...finding };
    }
  }
}

/** An error from the system (EACCES, EIO) is also a finding. */
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
