import { readFile } from "node:fs/promises";

/** Titles of a file as they stand in its source; what a template fills in reads as `…`. */
export async function titlesIn(file: string): Promise<string[]> {
  const source = await readFile(file, "utf8");
  const calls = source.matchAll(
    /\b(?:test\w*|it)(?:\.each\((?:[^()]|\([^()]*\))*\))?\(\s*(?:"([^"]+)"|`([^`]+)`|'([^']+)')/g,
  );
  return [...calls].map(
    ([, plain, template, single]) => plain ?? single ?? (template ?? "").replace(/\$\{[^}]*\}/g, "…"),
  );
}
