import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { replaceSection } from "./crash-section.ts";
import { prepareTiers } from "./debian.ts";
import { say } from "./run.ts";
import { countsLine, runVitest } from "./vitest.ts";

const PAGE = "docs/reliability.md";
const FOLDER = "node_modules/.cache/switchback";

export interface RecordedRun<Result> {
  readonly file: string;
  /** What the test reads from its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The variable that tells the test into which file it writes its result, as JSON. */
  readonly resultVariable: string;
  /** The section of the page, with its markers. `where`: the day and the machine. */
  readonly section: (found: Result, where: string) => string;
}

/**
 * Runs one test of the tier server, larger than `npm test` does, and writes what it found into docs/reliability.md. If
 * the test fails, the page stays as it is, and the exit status is 1.
 */
export async function recordRun<Result>({
  file,
  environment,
  resultVariable,
  section,
}: RecordedRun<Result>): Promise<void> {
  const result = `${FOLDER}/recorded-${process.pid}.json`;
  await mkdir(FOLDER, { recursive: true });
  Object.assign(process.env, environment, { [resultVariable]: result });
  if ((await prepareTiers(["server"])).length === 0) throw new Error("the packages that this test needs are missing");
  const counts = await runVitest(["server"], [file]);
  say(countsLine(counts));
  if (counts.failed > 0 || counts.passed === 0) {
    process.exitCode = 1;
    return;
  }
  const found: Result = JSON.parse(await readFile(result, "utf8"));
  await rm(result);
  const where = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${arch()}, ${cpus().length} CPUs`;
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), section(found, where)));
  say(`The result stands in ${PAGE}.`);
}
