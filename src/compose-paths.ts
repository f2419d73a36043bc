import { boardPaths } from "../adapters/bootloader/fake/board-layout.ts";
import type { Config } from "./config/config.ts";
import type { Paths } from "./config/paths.ts";

/**
 * Where the agent finds state scripts and update modules: on a virtual board in the board's own folder, whatever the
 * machine has on which it is tried out.
 */
export function composePaths(paths: Paths, { switchback: { bootloader, board } }: Config): Paths {
  if (bootloader !== "fake" || board === undefined) return paths;
  const { confDir, shareDir } = boardPaths(board);
  return { ...paths, confDir, dataDir: shareDir };
}
