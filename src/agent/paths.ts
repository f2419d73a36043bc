import { join } from "node:path";
import { boardPaths } from "../../adapters/bootloader/fake/board-layout.ts";
import type { Config } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";

/**
 * Where the agent finds state scripts, update modules and the name of the image. On a virtual board, all of them lie in
 * the board's own folder, so that the files of the machine do not matter.
 */
export function composePaths(paths: Paths, { virtualBoard }: Pick<Config, "virtualBoard">): Paths {
  if (virtualBoard === undefined) return paths;
  const { confDir, shareDir } = boardPaths(virtualBoard);
  return { ...paths, confDir, dataDir: shareDir, artifactInfo: join(confDir, "artifact_info") };
}
