import { expect } from "vitest";

/** Clears the screen, begins a line of its own, goes back to its beginning, turns the direction of writing. */
export const EVIL = "\u001b[2J\nFORGED=1\r\u009b31m\u202e\u2066\u2028\u007f\t";

/** What none of the program's lines may hold: what steers a terminal, a forged line, a trace of the program itself. */
export function expectTame(lines: readonly string[]): void {
  for (const line of lines) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(line).not.toMatch(/^\s*FORGED/);
    expect(line).not.toMatch(/^\s+at .*:\d+\)?$/);
  }
  expect(lines.length).toBeGreaterThan(0);
}
