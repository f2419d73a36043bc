import { expect } from "vitest";

/** Clears the screen, starts a new line, returns to the start of the line, and reverses the direction of writing. */
export const EVIL = "\u001b[2J\nFORGED=1\r\u009b31m\u202e\u2066\u2028\u007f\t";

/**
 * Text that no line of the program may contain: terminal control characters, a forged line, a stack trace of the
 * program.
 */
export function expectTame(lines: readonly string[]): void {
  for (const line of lines) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters.
    expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(line).not.toMatch(/^\s*FORGED/);
    expect(line).not.toMatch(/^\s+at .*:\d+\)?$/);
  }
  expect(lines.length).toBeGreaterThan(0);
}
