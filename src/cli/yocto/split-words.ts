import { AgentError } from "../../errors/agent-error.ts";

/** A word of a shell: parts without quotes, in single quotes, and in double quotes. */
const WORD = /(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/gs;
const PART = /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs;

/**
 * Splits a text into words as a shell does, without its expansions.
 *
 * @throws {AgentError} YOCTO_VARIABLE if a quote has no end
 */
export function splitWords(text: string, variable: string): readonly string[] {
  if (text.replace(WORD, "").trim() !== "") {
    throw new AgentError("YOCTO_VARIABLE", { variable, value: text, reason: "a quote has no end" });
  }
  return (text.match(WORD) ?? []).map((word) =>
    word.replace(PART, (_, escaped?: string, single?: string, double?: string) => {
      return escaped ?? single ?? (double ?? "").replace(/\\(["\\$`])/g, "$1");
    }),
  );
}
