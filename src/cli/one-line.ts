import { printable, UNPRINTABLE } from "../errors/agent-error.ts";

/**
 * What every line goes through on its way to stdout or stderr, whoever wrote it: it stays one line, and no text from an
 * Artifact, a server, a program or a file name steers the terminal. Tabs do neither.
 */
export const oneLine = (text: string): string => text.split("\t").map(printable).join("\t");

/** A value as one line of JSON with the same characters escaped in JSON's own way. */
export const jsonLine = (value: unknown): string => escapedJson(JSON.stringify(value));

/** The same for a text that is JSON. */
export const escapedJson = (json: string): string =>
  json.replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
