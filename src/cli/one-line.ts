import { printable, UNPRINTABLE } from "../errors/agent-error.ts";

/**
 * Every line passes through here on its way to stdout or stderr. It stays one line, and no text from an Artifact, a
 * server, a program or a file name can control the terminal. Tabs pass unchanged: they do neither.
 */
export const oneLine = (text: string): string => text.split("\t").map(printable).join("\t");

/** A value as one line of JSON, with the same characters escaped in JSON's own way. */
export const jsonLine = (value: unknown): string => escapedJson(JSON.stringify(value));

/** The same for a text that is already JSON. */
export const escapedJson = (json: string): string =>
  json.replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
