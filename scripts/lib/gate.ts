/** The result of a gate. A gate that has checked nothing has failed. */
export interface Verdict {
  readonly problems: readonly string[];
  /** How much the gate looked at, for people. */
  readonly looked: string;
}

export interface Gate {
  readonly name: string;
  /** @param files every TypeScript file of the project; a gate that has seen fewer fails */
  check(files: readonly string[]): Promise<Verdict>;
}

/** Names the files that a tool should have read but did not. */
export function unseen(files: readonly string[], seen: ReadonlySet<string>): string[] {
  const missing = files.filter((file) => !seen.has(file));
  return missing.length === 0 ? [] : [`did not look at ${missing.length} files: ${missing.slice(0, 5).join(", ")}`];
}
