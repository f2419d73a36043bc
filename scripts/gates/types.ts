import { relative } from "node:path";
import { type Gate, unseen } from "../lib/gate.ts";
import { capture, tool } from "../lib/run.ts";

/** Programs of Node, and the console, which is for browsers. */
const PROJECTS = [".", "web"] as const;

/** Runs the compiler, and makes it list the files that it read. */
export const TYPES: Gate = {
  name: "types",
  async check(files) {
    const runs = await Promise.all(PROJECTS.map(compile));
    const lines = runs.flatMap(({ stdout }) => stdout.split("\n")).filter((line) => line !== "");
    const listed = lines.filter((line) => line.startsWith("/"));
    const seen = new Set(listed.map((path) => relative(process.cwd(), path)));
    const problems = unseen(files, seen);
    if (runs.some(({ code }) => code !== 0)) problems.push(lines.filter((line) => !line.startsWith("/")).join("\n"));
    return { problems, looked: `${files.filter((file) => seen.has(file)).length} files type-checked` };
  },
};

/** Does not check files again that passed before and have not changed since. */
function compile(project: (typeof PROJECTS)[number]) {
  const memory = `node_modules/.cache/switchback/types-${project === "." ? "node" : project}.tsbuildinfo`;
  const incremental = ["--incremental", "--tsBuildInfoFile", memory];
  return capture(tool("tsc"), ["-p", project, "--pretty", "false", "--listFiles", ...incremental]);
}
