/** One examined item of the board, and the result. */
export interface Finding {
  /** `bad`: the agent could not install an update, or could not roll it back. */
  readonly level: "good" | "note" | "bad";
  /** The examined item: `canary`, `second copy of the environment`. */
  readonly subject: string;
  /** The result for that item. */
  readonly found: string;
  /** What to do about it; absent if nothing is wrong. */
  readonly advice?: string;
}

/** Can report on its medium. */
export interface Diagnosable {
  /** Reads only and changes nothing. Reports problems as findings; rejects only if it can examine nothing. */
  diagnose(signal: AbortSignal): Promise<readonly Finding[]>;
}
