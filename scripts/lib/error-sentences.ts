import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";
import { ERRORS } from "../../src/errors/catalogue.ts";

/** Name of the file with the sentences of all error codes, next to the chunks. */
export const SENTENCES_FILE = "errors.json";

export const sentencesText = (): string =>
  JSON.stringify(Object.fromEntries(Object.entries(ERRORS).map(([code, { doc }]) => [code, doc])));

/** A code whose row held nothing but its sentence. */
const PLAIN_ROW = /\b[A-Z][A-Z\d_]*:\s*\{\s*\},?/g;
const SENTENCE = /doc:\s*"(?:[^"\\]|\\.)*",?/g;

/** Reads the file synchronously, because errors are created synchronously. Without the file, the code must suffice. */
const READER = `
import { readFileSync } from "node:fs";
const folder = import.meta.url.includes("/chunks/") ? "./" : "./chunks/";
let sentences;
function read() {
  try {
    return JSON.parse(readFileSync(new URL(folder + "${SENTENCES_FILE}", import.meta.url), "utf8"));
  } catch {
    return {};
  }
}
export const sentenceOf = (code) => (sentences ??= read())[code] ?? code;
export const isErrorCode = (code) => sentenceOf(code) !== code || sentences.CANCELLED === undefined;`;

/**
 * Keeps the sentences of the error catalogue, and the codes that have nothing else, out of the chunks that every command
 * loads and the daemon keeps in memory. If the file with the sentences is lost, every code counts as known.
 */
export const errorSentences: Plugin = {
  name: "error-sentences",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]errors[\\/]sentence\.ts$/ }, () => ({ contents: READER, loader: "js" }));
    onLoad({ filter: /[\\/]src[\\/]errors[\\/][a-z]+-errors\.ts$/ }, async ({ path }) => {
      const contents = (await readFile(path, "utf8")).replaceAll(SENTENCE, "").replaceAll(PLAIN_ROW, "");
      if (contents.includes("doc:")) throw new Error(`${path}: a sentence is no plain string`);
      return { contents, loader: "ts" };
    });
  },
};
