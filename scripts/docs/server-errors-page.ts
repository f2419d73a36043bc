import { SERVER_ERRORS, type ServerErrorEntry } from "../../server/errors/catalogue.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

/** `docs/reference/server-errors.md`: what the codes of the server mean. */
export function serverErrorsPage(): Page {
  const rows = Object.entries<ServerErrorEntry>(SERVER_ERRORS).map(([code, { status, exit, doc }]) => [
    `\`${code}\``,
    String(status),
    String(exit ?? 1),
    doc,
  ]);
  const text = [
    "# Error codes of the server",
    GENERATED("the catalogue in `server/errors/catalogue.ts`"),
    "Every error of the API has a body with `error`, a sentence for people that may change, and `code`, which does not. Its\n" +
      "`request_id` is also in the header `X-MEN-RequestID` and in the log of the server. `switchback-server` prints the same\n" +
      "codes, and ends with the exit status of the table.",
    "After 429 and 503, wait for the seconds of `Retry-After`, and send the request again.",
    table(["Code", "HTTP status", "Exit status", "Meaning"], rows),
    "Next: [Run a server](../guides/server.md)",
  ];
  return { path: "docs/reference/server-errors.md", rows: rows.length, text: `${text.join("\n\n")}\n` };
}
