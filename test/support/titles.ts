import { readFile } from "node:fs/promises";

/** Titles of the tests of a file, from its source. Template placeholders appear as `…`. */
export async function titlesIn(file: string): Promise<string[]> {
  const source = await readFile(file, "utf8");
  const calls = source.matchAll(
    /\b(?:test\w*|it)(?:\.each\((?:[^()]|\([^()]*\))*\))?\(\s*(?:"([^"]+)"|`([^`]+)`|'([^']+)')/g,
  );
  return [...calls].map(
    ([, plain, template, single]) => plain ?? single ?? (template ?? "").replace(/\$\{[^}]*\}/g, "…"),
  );
}
