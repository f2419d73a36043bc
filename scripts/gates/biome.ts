import type { Gate } from "../lib/gate.ts";
import { capture, tool } from "../lib/run.ts";

/** Format and lint. Biome also checks JSON files, so it counts more files than those of TypeScript. */
export const BIOME: Gate = {
  name: "biome",
  async check(files) {
    const { code, output } = await capture(tool("biome"), [
      "ci",
      "--colors=off",
      "--diagnostic-level=warn",
      "--error-on-warnings",
      "--max-diagnostics=30",
      ".",
    ]);
    const checked = Number(/Checked (\d+) files/.exec(output)?.[1] ?? 0);
    const problems = code === 0 ? [] : [output.trim()];
    if (checked < files.length)
      problems.push(`checked ${checked} files, there are ${files.length} of TypeScript alone`);
    return { problems, looked: `${checked} files formatted and linted` };
  },
};
