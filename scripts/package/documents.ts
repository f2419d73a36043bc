import { completionFiles, type GeneratedFile } from "./completions.ts";
import { manPages } from "./man-pages.ts";
import type { Release } from "./release.ts";

/** Names of the Mender client's programs under which the agent answers. */
export const CLIENT_NAMES = ["mender", "mender-update", "mender-auth", "mender-setup", "mender-snapshot"] as const;

/** Names under which a build host calls the tools. None of them is a name of the device's package. */
export const TOOL_NAMES = ["mender-artifact", "switchback-artifact", "switchback-image"] as const;

/** Program that tries images under QEMU. It is a file of its own, beside the tools. */
export const QEMU_NAME = "switchback-qemu";

/** The management server. */
export const SERVER_NAME = "switchback-server";

/** Names of the operators' command line. It answers to the second one as that program does. */
export const FLEET_NAMES = ["switchback-fleet", "mender-cli"] as const;

/** Pages whose names are those of the tools' programs: `switchback artifact` is `switchback-artifact` there. */
const OF_TOOLS = /\/switchback-(?:artifact|image)\b[^/]*$/;

/** Manual pages and completions of the device's package, with uncompressed pages. */
export async function deviceDocuments(release: Release): Promise<readonly GeneratedFile[]> {
  const names = ["switchback", ...CLIENT_NAMES];
  const pages = (await manPages(names, release)).filter(({ path }) => !OF_TOOLS.test(path));
  // `mender setup` and the program `mender-setup` have the same page: that of the program, which is the later one.
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return [...byPath.values(), ...(await completionFiles(names))];
}

/** Those of the tools' package. The two packages share no file. */
export async function toolsDocuments(release: Release): Promise<readonly GeneratedFile[]> {
  const pages = (await manPages(["switchback"], release)).filter(({ path }) => OF_TOOLS.test(path));
  const others = await manPages(["mender-artifact", QEMU_NAME], release);
  return [...pages, ...others, ...(await completionFiles([...TOOL_NAMES, QEMU_NAME]))];
}

/** Manual pages and completions of programs that are in packages of their own. */
export const documentsOf = async (names: readonly string[], release: Release): Promise<readonly GeneratedFile[]> => [
  ...(await manPages(names, release)),
  ...(await completionFiles(names)),
];
