import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expectClean, lineOf } from "./bitbake.ts";
import type { Workspace } from "./workspace.ts";

const IMAGE = "switchback-example-image";

/** Parses the layer with the real metadata, and follows every dependency of the example image. */
export async function* stageOne(workspace: Workspace): AsyncGenerator<string> {
  const { output } = await expectClean(workspace, workspace.one, ["bitbake", "-p"]);
  yield `parsed without a warning: ${lineOf(output, "Parsing of")}`;
  await expectClean(workspace, workspace.one, ["bitbake", "-g", IMAGE]);
  const recipes = (await readFile(join(workspace.one, "pn-buildlist"), "utf8")).trim().split("\n");
  for (const name of ["switchback", "switchback-native", "nodejs"])
    if (!recipes.includes(name)) throw new Error(`bitbake -g ${IMAGE}: the image does not need ${name}`);
  yield `every dependency of ${IMAGE} exists: ${recipes.length} recipes`;
  const { output: appends } = await expectClean(workspace, workspace.one, ["bitbake-layers", "show-appends"]);
  const ours = appends.split("\n").filter((line) => line.includes("/meta-switchback/"));
  yield `appends: ${ours.map((line) => line.trim().replace(/^.*\//, "")).join(", ")}`;
}
