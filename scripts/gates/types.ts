import { relative } from "node:path";
import { type Gate, unseen } from "../lib/gate.ts";
import { capture, tool } from "../lib/run.ts";

/** Does not check files again that passed before and have not changed since. */
const INCREMENTAL = ["--incremental", "--tsBuildInfoFile", "node_modules/.cache/switchback/types.tsbuildinfo"];

/** Runs the compiler, and makes it list the files that it read. */
export const TYPES: Gate = {
  name: "types",
  async check(files) {
    const { code, stdout } = await capture(tool("tsc"), [
      "-p",
      ".",
      "--pretty",
      "false",
      "--listFiles",
      ...INCREMENTAL,
    ]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    const listed = lines.filter((line) => line.startsWith("/"));
    const seen = new Set(listed.map((path) => relative(process.cwd(), path)));
    const problems = unseen(files, seen);
    if (code !== 0) problems.push(lines.filter((line) => !line.startsWith("/")).join("\n"));
    return { problems, looked: `${files.filter((file) => seen.has(file)).length} files type-checked` };
  },
};
