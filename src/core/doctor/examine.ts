import { AgentError, describeError } from "../../errors/agent-error.ts";
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

/** Looks at each part in turn: what is wrong with one keeps no other from being looked at. */
export async function* examine(all: readonly Examination[], signal: AbortSignal): AsyncGenerator<Examined> {
  for (const { area, advice, look } of all) {
    let findings: readonly Finding[];
    try {
      findings = await look(signal);
    } catch (error) {
      signal.throwIfAborted();
      findings = [{ level: "bad", subject: area, found: reasonOf(error), advice }];
    }
    for (const finding of findings) yield { area, ...finding };
  }
}

/** What only the system's own word is known of (EACCES, EIO) is a finding of a board, too. */
function reasonOf(error: unknown): string {
  if (error instanceof AgentError) return describeError(error);
  if (error instanceof Error && "code" in error) return error.message;
  throw error;
}
