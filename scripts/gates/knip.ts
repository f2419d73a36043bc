import type { Gate } from "../lib/gate.ts";
import { capture, tool } from "../lib/run.ts";

interface KnipReport {
  readonly processed: number;
  readonly found: readonly string[];
  readonly hints: readonly { readonly type: string; readonly identifier: unknown }[];
}

/** Finds unused files, exports and dependencies. */
export const KNIP: Gate = {
  name: "knip",
  async check(files) {
    const args = ["--no-progress", "--reporter", "./scripts/lib/knip-reporter.ts"];
    const { stdout, output } = await capture(tool("knip"), args);
    if (!stdout.startsWith("{")) return { problems: [output.trim()], looked: "nothing" };
    const report = JSON.parse(stdout) as KnipReport;
    const problems = [...report.found];
    problems.push(...report.hints.map(({ type, identifier }) => `knip.json: ${type} ${String(identifier)}`));
    if (report.processed < files.length) problems.push(`read ${report.processed} of ${files.length} files`);
    return { problems, looked: `${report.processed} files` };
  },
};
