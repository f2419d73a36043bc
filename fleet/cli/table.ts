import { printable } from "../../src/errors/agent-error.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | undefined;
  /** Numbers stand on the right. */
  readonly right?: boolean;
}

const GAP = "  ";
const NARROWEST = 8;

/**
 * Rows as lines that fit the width. The widest columns give way first, and a cell that is cut ends in an ellipsis.
 * Without a width, as in a pipe, nothing is cut.
 */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width?: number): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => printable(String(value(row) ?? ""))));
  const titles = columns.map(({ title }) => title.toUpperCase());
  const widths = titles.map((title, at) => Math.max(...[title, ...cells.map((line) => line[at] ?? "")].map(lengthOf)));
  for (;;) {
    const total = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
    const widest = widths.indexOf(Math.max(...widths));
    if (width === undefined || total <= width || (widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = Math.max(NARROWEST, (widths[widest] ?? 0) - (total - width));
  }
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => padded(cut(text, widths[at] ?? 0), widths[at] ?? 0, columns[at]?.right === true))
      .join(GAP)
      .trimEnd();
  return [titles, ...cells].map(line);
}

/** Characters, and not the two halves of one. */
const lengthOf = (text: string): number => [...text].length;

const cut = (text: string, width: number): string =>
  lengthOf(text) <= width ? text : `${[...text].slice(0, width - 1).join("")}…`;

const padded = (text: string, width: number, right: boolean): string => {
  const space = " ".repeat(Math.max(0, width - lengthOf(text)));
  return right ? space + text : text + space;
};

/** `12 s`, `4 min`, `3 h`, `5 d`: how long ago something was. */
export function ago(timestamp: string | undefined, now: number): string {
  if (timestamp === undefined) return "";
  const seconds = Math.max(0, Math.round((now - Date.parse(timestamp)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Bytes as people read transfers: MB of 10^6. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
