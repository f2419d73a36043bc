import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expectClean } from "./bitbake.ts";
import { expectText } from "./built.ts";
import { type Workspace, withSettings } from "./workspace.ts";

/** Options of Node's configure script that the feature switchback-lean-node stands for. */
const WANTED = ["--without-npm", "--without-corepack", "--without-inspector", "--no-cross-compiling"];
/** With these, each start would compile Node's own modules. */
const UNWANTED = [
  "--cross-compiling",
  "--without-node-snapshot",
  "--without-node-code-cache",
  "--with-intl=system-icu",
];

/** Looks at how the real recipe would configure Node with the feature switchback-lean-node. Nothing is compiled. */
export async function* stageNode(workspace: Workspace): AsyncGenerator<string> {
  const { machines, places } = workspace;
  const folder = join(places.metaOe, "recipes-devtools/nodejs");
  const [recipe = ""] = (await readdir(folder)).filter((name) => /^nodejs_.*\.bb$/.test(name));
  const feature = { "MENDER_FEATURES_ENABLE:append": " switchback-lean-node" };
  // What Node depends on is left out of this build. Part `one` follows it.
  const provided = { "ASSUME_PROVIDED +=": "^(?!nodejs$).*$" };
  await withSettings(machines, { MENDER_ARTIFACT_NAME: "release-1", ...feature, ...provided });
  const { stdout } = await expectClean(workspace, machines, ["bitbake", "-e", "nodejs"]);
  const [, body = ""] =
    /^do_configure\(\) \{$([\s\S]*?)^\}$/m.exec(stdout.replace(/^do_configure \(\)/gm, "do_configure()")) ?? [];
  const options = body.split(/\s+/).filter((word) => word.startsWith("--"));
  expectText(recipe, ` ${options.join(" ")} `, ...WANTED.map((option) => ` ${option} `));
  const unwanted = options.filter((option) => UNWANTED.includes(option));
  // The recipe turns ICU off first. The last option counts.
  const icu = options.findLast((option) => /^--with(?:out)?-intl/.test(option));
  if (unwanted.length > 0 || icu !== "--with-intl=small-icu") throw new Error(`${recipe}: ${options.join(" ")}`);
  expectText(recipe, stdout, '\nexport HOST_AND_TARGET_SAME_WIDTH="0"\n');
  yield `${recipe.replace(".bb", "")} with switchback-lean-node: ${[...WANTED, icu].join(" ")}; snapshot and code cache stay on`;
}
