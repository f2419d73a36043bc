import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { filesBelow } from "../lib/files.ts";
import type { Gate } from "../lib/gate.ts";

/** Holds for code of devices only. */
const ZOD = 'import * as z from "zod/mini": the object z brings 400 kB to the device';
/** Patterns that no rule of our linter covers. */
const FORBIDDEN: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /\bas unknown as\b/, why: "a double cast hides a mistake from the compiler" },
  { pattern: /@ts-(?:ignore|expect-error|nocheck)/, why: "the compiler is not to be silenced" },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, why: "an intention belongs into an issue" },
  { pattern: /import \{.*\} from "zod/, why: ZOD },
  { pattern: /process\.kill\(.*\?\? 0/, why: "a signal to 0 goes to the whole group of this process" },
];

/** A test that does not run proves nothing. A test that fails for lack of rights says nothing about the code. */
const NEEDS = "test/support/needs.ts";
const UNRUN = /\.(?:(?:skip|todo|only|fails)(?:If)?|runIf)\(|\bskip: (?:true|!)/;
const PRIVILEGED = /\(\[?"(?:mount|losetup|mknod|unshare|chroot|setpriv|chattr|mkfs\.ext4)"/;
/** Terminal output must go through the one function that escapes foreign text. */
const WRITES =
  /\bconsole\.|process\.std(?:out|err)\.write|writeSync\([12]\b|(?:\bio\.(?:out|err)|\bout|\berr)\(JSON\.stringify/;
/** `ask.ts` writes only text that this function has escaped. */
const WRITERS: ReadonlySet<string> = new Set(["src/cli/ask.ts"]);
const SWALLOWED = /catch(?:\s*\([^)]*\))?\s*\{\s*\}|\.catch\(\(\)\s*=>\s*(?:\{\s*\}|undefined|null|false|"")\)/;

const ADR_PARTS = ["## Context", "## Decision", "## Consequences", "## How we would know that it was wrong"];

/** Rules of this project about text: code, decision records and links between documents. */
export const HOUSE: Gate = {
  name: "house",
  async check(files) {
    const own = "scripts/gates/house.ts";
    const code = (await Promise.all(files.filter((file) => file !== own).map(codeProblems))).flat();
    const records = await filesBelow("docs/adr", ".md");
    const pages = [...(await filesBelow("docs", ".md")), "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    const numbers = records.map((path) => path.slice("docs/adr/".length, "docs/adr/".length + 4));
    const problems = [
      ...code,
      ...(await Promise.all(records.map(recordProblems))).flat(),
      ...(await Promise.all(pages.map(deadLinks))).flat(),
      ...numbers.filter((n, i) => numbers.indexOf(n) !== i).map((n) => `docs/adr: two records are number ${n}`),
      ...(records.length === 0 ? ["docs/adr: no decision records found"] : []),
    ];
    return { problems, looked: `${files.length} files, ${records.length} decision records, ${pages.length} pages` };
  },
};

async function codeProblems(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  const isTest = path.startsWith("test/") && path !== NEEDS;
  const isUndeclared = path.endsWith(".test.ts") && PRIVILEGED.test(text) && !text.includes('/support/needs.ts"');
  const undeclared = `${path}: starts a program that not every machine allows: say so with needs() of ${NEEDS}`;
  const mayUseZod = /^(?:server|fleet|web|test\/server|src\/protocol\/api)\//.test(path);
  const problems = text.split("\n").flatMap((line, i, lines) => {
    const found = FORBIDDEN.filter(({ pattern, why }) => pattern.test(line) && !(mayUseZod && why === ZOD)).map(
      ({ why }) => `${path}:${i + 1}: ${why}`,
    );
    if (/^(?:src|adapters)\//.test(path) && !WRITERS.has(path) && WRITES.test(line)) {
      found.push(`${path}:${i + 1}: io.out and io.err write to terminals, and jsonLine makes JSON for them`);
    }
    const reason = `${lines[i - 1] ?? ""}${line}`.includes("// ignored:");
    if (isTest && UNRUN.test(line)) found.push(`${path}:${i + 1}: a test that does not run proves nothing`);
    if (SWALLOWED.test(line) && !reason) found.push(`${path}:${i + 1}: an ignored failure says why: // ignored: …`);
    return found;
  });
  return isUndeclared ? [undeclared, ...problems] : problems;
}

async function recordProblems(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  return ADR_PARTS.filter((part) => !text.includes(part)).map((part) => `${path}: lacks "${part}"`);
}

async function deadLinks(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  const targets = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? "");
  const local = targets.filter((target) => !/^[a-z]+:/.test(target));
  const dead = await Promise.all(
    local.map((target) =>
      access(join(dirname(path), target)).then(
        () => [],
        () => [`${path}: dead link to ${target}`],
      ),
    ),
  );
  return dead.flat();
}
