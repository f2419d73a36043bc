import { bitbake } from "./bitbake.ts";
import { clear, type Workspace } from "./workspace.ts";

/** Runs yocto-check-layer in the tiny build, which has no recipe that needs minutes to parse. */
export async function* checkLayer(workspace: Workspace): AsyncGenerator<string> {
  const { layer, check, places } = workspace;
  await clear(check);
  const argv = ["yocto-check-layer", layer, "--dependency", places.metaOe, "--no-auto-dependency"] as const;
  const { code, output } = await bitbake(workspace, check, argv);
  const lines = output.split("\n").map((line) => line.replace(/^INFO: /, "").trim());
  const counted = (word: string): number => lines.filter((line) => line.startsWith(`... ${word}`)).length;
  if (code !== 0 || !lines.some((line) => line.endsWith("... PASS")))
    throw new Error(`yocto-check-layer ended with status ${code}:\n${lines.slice(-40).join("\n")}`);
  yield `${counted("ok")} tests ok, ${counted("skipped")} skipped: they are for other kinds of layers`;
  yield lines.findLast((line) => line.endsWith("... PASS")) ?? "";
}
