/** One thing on the board that was looked at, and what came of it. */
export interface Finding {
  /** `bad`: an update could not be installed, or not be rolled back. */
  readonly level: "good" | "note" | "bad";
  /** What was looked at: `canary`, `second copy of the environment`. */
  readonly subject: string;
  /** What was found there. */
  readonly found: string;
  /** What to do about it; absent where all is good. */
  readonly advice?: string;
}

/** Can tell how its medium is. */
export interface Diagnosable {
  /** Looks and touches nothing. What is wrong is a finding; rejects only where nothing can be looked at. */
  diagnose(signal: AbortSignal): Promise<readonly Finding[]>;
}
