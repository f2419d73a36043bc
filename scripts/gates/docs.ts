import { readFile } from "node:fs/promises";
import { generatedPages } from "../docs/generated.ts";
import type { Gate } from "../lib/gate.ts";

/** Generated pages must match the code. */
export const DOCS: Gate = {
  name: "docs",
  async check() {
    const problems: string[] = [];
    const pages = await generatedPages();
    for (const { path, rows, text } of pages) {
      const found = await readFile(path, "utf8").catch(() => ""); // ignored: a missing page differs too.
      if (rows === 0) problems.push(`${path} would be empty`);
      if (found !== text) problems.push(`${path} is out of date: npm run docs`);
    }
    return { problems, looked: pages.map(({ path, rows }) => `${path} (${rows} rows)`).join(", ") };
  },
};
