import { ADAPTER_ERRORS } from "../../src/errors/adapter-errors.ts";
import { AGENT_ERRORS } from "../../src/errors/agent-errors.ts";
import { ARTIFACT_ERRORS } from "../../src/errors/artifact-errors.ts";
import { BOARD_ERRORS } from "../../src/errors/board-errors.ts";
import { ERRORS } from "../../src/errors/catalogue.ts";
import { DUMP_ERRORS } from "../../src/errors/dump-errors.ts";
import type { ErrorEntry } from "../../src/errors/error-entry.ts";
import { SERVER_ERRORS } from "../../src/errors/server-errors.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

const CHAPTERS: readonly { readonly title: string; readonly errors: Readonly<Record<string, ErrorEntry>> }[] = [
  { title: "Artifacts", errors: ARTIFACT_ERRORS },
  { title: "Board: boot environment, slots, storage, processes, transport", errors: BOARD_ERRORS },
  { title: "Agent: states, configuration, command line", errors: AGENT_ERRORS },
  { title: "Server: authorisation, polls, reports", errors: SERVER_ERRORS },
  { title: "Adapters of a board's own", errors: ADAPTER_ERRORS },
  { title: "Copies of a running filesystem", errors: DUMP_ERRORS },
];

/** `docs/reference/errors.md`: every code of the catalogue, by subject. */
export function errorsPage(): Page {
  const rows = CHAPTERS.flatMap(({ errors }) => Object.keys(errors));
  const lost = Object.keys(ERRORS).filter((code) => !rows.includes(code));
  if (lost.length > 0) throw new Error(`no chapter for ${lost.join(", ")}`);
  const text = [
    "# Error codes",
    GENERATED("`src/errors/`"),
    "A command that fails prints one line that begins with a code. Codes are stable, so your scripts may rely on them. " +
      "*Exit* is the exit status of the command. *Retry* says whether the same request may succeed later although you " +
      "change nothing.",
    ...CHAPTERS.flatMap(({ title, errors }) => [`## ${title}`, chapter(errors)]),
    "Next: [the states of an update](states.md).",
  ];
  return { path: "docs/reference/errors.md", rows: rows.length, text: `${text.join("\n\n")}\n` };
}

function chapter(errors: Readonly<Record<string, ErrorEntry>>): string {
  const rows = Object.entries(errors)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { exit = 1, retry, doc }]) => [`\`${code}\``, String(exit), retry === true ? "yes" : "no", doc]);
  return table(["Code", "Exit", "Retry", "Meaning"], rows);
}
