import { bitbake } from "./bitbake.ts";
import { clear, type Workspace } from "./workspace.ts";

/** Runs yocto-check-layer in the tiny build, which has no recipe that needs minutes to parse. */
export async function* checkLayer(workspace: Workspace): AsyncGenerator<string> {
  const { layer, check, places } = workspace;
  await clear(check);
  const argv = ["yocto-check-layer", layer, "--dependency", places.metaOe, "--no-auto-dependency"] as const;
  const { code, output } = await bitbake(workspace, check, argv);
  const lines = output.split("\n").map((line) => line.replace(/^INFO: /, ""));
  const results = lines.filter((line) => /\.\.\. (?:ok|FAIL|ERROR|skipped)/.test(line));
  for (const result of results) yield result.trim();
  if (code !== 0 || !lines.some((line) => /: PASS$|PASS\b/.test(line)))
    throw new Error(`yocto-check-layer ended with status ${code}:\n${lines.slice(-40).join("\n")}`);
  yield lines.findLast((line) => /PASS/.test(line))?.trim() ?? "";
}
