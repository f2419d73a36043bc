import { CODE_FOLDERS } from "../lib/files.ts";
import { type Gate, unseen } from "../lib/gate.ts";
import { capture, tool } from "../lib/run.ts";

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly totalDependenciesCruised: number;
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

/** Which folder may import which: the rules of `.dependency-cruiser.mjs`. */
export const IMPORTS: Gate = {
  name: "imports",
  async check(files) {
    const config = ["--config", ".dependency-cruiser.mjs", "--output-type", "json"];
    const { stdout, output } = await capture(tool("depcruise"), [...config, ...CODE_FOLDERS]);
    if (!stdout.startsWith("{")) return { problems: [output.trim()], looked: "nothing" };
    const { modules, summary } = JSON.parse(stdout) as Cruise;
    const problems = unseen(files, new Set(modules.map((module) => module.source)));
    problems.push(...summary.violations.map(({ from, to, rule }) => `${rule.name}: ${from} → ${to}`));
    if (summary.totalDependenciesCruised < files.length) problems.push("found fewer imports than files");
    return { problems, looked: `${files.length} modules, ${summary.totalDependenciesCruised} imports` };
  },
};
