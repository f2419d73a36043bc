import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { commandTree, PROGRAM, visible } from "../../scripts/lib/command-tree.ts";

const pages = readdirSync("docs", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => join("docs", name))
  .sort();

/** Pages that a page links to. */
function linksOf(page: string): readonly string[] {
  const found = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:\s]+\.md)(?:#[^)]*)?\)/g)];
  return found.map((match) => normalize(join(page, "..", match[1] ?? "")));
}

test("every page of the documentation is two clicks away from the README", () => {
  const near = new Set(linksOf("README.md"));
  const reached = new Set([...near, ...[...near].filter((page) => page.startsWith("docs/")).flatMap(linksOf)]);
  expect(pages.length).toBeGreaterThan(20);
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});

test("the README's table of commands has every command of the program, and names the program for QEMU", async () => {
  const readme = readFileSync("README.md", "utf8");
  const rows = readme.split("| Command | What it does |")[1]?.split("\n\n")[0] ?? "";
  const named = rows.split("\n").flatMap((row) => row.split("|")[1]?.match(/(?<=`)[a-z-]+(?= |`)/g) ?? []);
  const commands = visible(await commandTree(PROGRAM)).map((command) => command.name());
  expect(commands.length).toBeGreaterThan(15);
  expect(commands.filter((name) => !named.includes(name))).toEqual([]);
  expect(readme).toContain("`switchback-qemu`");
});

for (const page of pages) {
  test(`${page} ends with what to read next`, () => {
    const last = readFileSync(page, "utf8").trimEnd().split("\n").at(-1) ?? "";
    expect(last).toMatch(/^Next: \[[^\]]+\]\([^)]+\)/);
  });
}

/** Markdown files outside of docs that a reader sees rendered. */
const OTHERS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
const FOLDERS = ["identity", "qemu", "state-scripts", "update-modules"];
const rendered = [...pages, ...OTHERS, ...FOLDERS.map((folder) => join(folder, "README.md"))];

/** The lines of a page that are not in a block of code. */
function proseOf(page: string): readonly string[] {
  let isCode = false;
  return readFileSync(page, "utf8")
    .split("\n")
    .filter((line) => {
      const isFence = line.trimStart().startsWith("```");
      if (isFence) isCode = !isCode;
      return !isCode && !isFence;
    });
}

const headingsOf = (page: string): readonly string[] => proseOf(page).filter((line) => /^#+ /.test(line));

/** The names that GitHub gives to the headings of a page. */
function anchorsOf(page: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const heading of headingsOf(page)) {
    const text = heading.replace(/^#+ /, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const name = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    let unique = name;
    for (let n = 1; names.has(unique); n += 1) unique = `${name}-${n}`;
    names.add(unique);
  }
  return names;
}

/** What a renderer would show in another way than the author meant. */
function faultsIn(page: string): readonly string[] {
  const prose = proseOf(page);
  const levels = headingsOf(page).map((line) => line.indexOf(" "));
  const jumps = levels.filter((level, at) => level > (levels[at - 1] ?? 0) + 1 || (at > 0 && level === 1));
  const blocks = prose.join("\n").split(/\n\s*\n|\n(?=\s*(?:- |\d+\. |\|))/);
  const open = blocks.filter((block) => (block.match(/`+/g)?.length ?? 0) % 2 === 1);
  const cells = (line: string): number => line.replaceAll("\\|", "").split("|").length;
  const uneven = prose.filter((line, at) => {
    const before = prose[at - 1] ?? "";
    return line.startsWith("|") && before.startsWith("|") && cells(line) !== cells(before);
  });
  return [...jumps.map((level) => `a heading of level ${level} is out of order`), ...open, ...uneven];
}

/** Links of a page that lead nowhere in this repository. */
function deadLinksIn(page: string): readonly string[] {
  const text = proseOf(page)
    .join("\n")
    .replaceAll(/`[^`]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^(?:https?|mailto):/.test(link)) return [];
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? page : normalize(join(dirname(page), file));
    if (!existsSync(target)) return [link];
    return anchor === undefined || !target.endsWith(".md") || anchorsOf(target).has(anchor) ? [] : [link];
  });
}

test.each(rendered)("%s has whole tables, closed code spans, ordered headings and no dead link", (page) => {
  expect([...faultsIn(page), ...deadLinksIn(page)]).toEqual([]);
});
