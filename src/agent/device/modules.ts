import { statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Paths } from "../../config/paths.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import { lazy } from "../../util/lazy.ts";
import type { ModuleParts } from "./module-parts.ts";

/** Folder of the board's update modules. */
export const modulesFolder = ({ dataDir }: Paths): string => join(dataDir, "modules/v3");

/** Path of the update module for a payload type. */
export const moduleFile = (paths: Paths, type: string): string => join(modulesFolder(paths), type);

const ANYBODY_MAY_EXECUTE = 0o111;

/** Whether the board has an update module of that name. Names that lead out of the modules' folder have none. */
export function hasModule(paths: Paths, type: string): boolean {
  if (type !== basename(type) || type === "." || type === "..") return false;
  try {
    const found = statSync(moduleFile(paths, type));
    return found.isFile() && (found.mode & ANYBODY_MAY_EXECUTE) !== 0;
  } catch {
    // ignored: there is no such file or folder, or no file can have that name. In each case there is nothing to run.
    return false;
  }
}

/** The handler that calls the module. Loaded at first use, because an update of a root filesystem image needs none. */
export const lazyModule = (type: string, index: number, parts: ModuleParts): PayloadHandler =>
  lazyHandler(type, async () =>
    (await import("./external.ts")).composeExternal(type, index, modulesFolder(parts.paths), parts),
  );

/** Wraps a handler that is loaded at first use. */
export const lazyHandler = (type: string, make: () => Promise<PayloadHandler>): PayloadHandler => ({
  type,
  ...lazy(make, ["prepare", "download", "act", "needsReboot", "supportsRollback", "rebootArgument"]),
});
