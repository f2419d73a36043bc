import { type ErrorCode, entryOf } from "../../src/errors/catalogue.ts";
import { GENERATED } from "./markdown.ts";
import type { Page } from "./page.ts";
import { REMEDIES, SECTIONS, type Section } from "./remedies.ts";

/** `docs/reference/errors.md`: every code of the catalogue with its remedy, by subject. */
export function errorsPage(): Page {
  const shown = SECTIONS.flatMap(codesIn);
  const [lost] = Object.keys(REMEDIES).filter((code) => shown.filter((each) => each === code).length !== 1);
  if (lost !== undefined) throw new Error(`${lost} is not in exactly one section`);
  const text = [
    "# Error codes",
    GENERATED("`src/errors/` and `scripts/docs/remedies/`"),
    "If a command fails, it prints one line: a code, a sentence that says what happened, details as `key=value`, and " +
      "the cause if there is one. Search this page for the code to find out what you can do. Codes are stable, so " +
      "scripts may rely on them.",
    "The exit status is 1 unless the entry names another. *May succeed later* marks the codes for which the same " +
      "request may succeed later although nothing has been changed.",
    SECTIONS.map(({ title }) => `- [${title}](#${anchor(title)})`).join("\n"),
    ...SECTIONS.flatMap((section) => [`## ${section.title}`, ...codesIn(section).map(entry)]),
    "Next: [the states of an update](states.md).",
  ];
  return { path: "docs/reference/errors.md", rows: shown.length, text: `${text.join("\n\n")}\n` };
}

const codesIn = ({ remedies }: Section): readonly ErrorCode[] =>
  Object.keys(remedies).filter((code): code is ErrorCode => code in REMEDIES);

function entry(code: ErrorCode): string {
  const { doc, exit, retry } = entryOf(code);
  const notes = [exit === undefined ? "" : ` *Exit status ${exit}.*`, retry === true ? " *May succeed later.*" : ""];
  return `### \`${code}\`\n\n${doc}${notes.join("")}\n\n**What to do:** ${REMEDIES[code]}`;
}

const anchor = (title: string): string => title.toLowerCase().replaceAll(",", "").replaceAll(" ", "-");
