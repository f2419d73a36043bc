import { statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Paths } from "../../config/paths.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import { lazy } from "../../util/lazy.ts";
import type { ModuleParts } from "./module-parts.ts";

/** Where the board keeps its update modules. */
export const modulesFolder = ({ dataDir }: Paths): string => join(dataDir, "modules/v3");

/** Where the update module for a type of payload lies. */
export const moduleFile = (paths: Paths, type: string): string => join(modulesFolder(paths), type);

const ANYBODY_MAY_EXECUTE = 0o111;

/** Whether the board has an update module of that name; none lies outside of its folder. */
export function hasModule(paths: Paths, type: string): boolean {
  if (type !== basename(type) || type === "." || type === "..") return false;
  try {
    const found = statSync(moduleFile(paths, type));
    return found.isFile() && (found.mode & ANYBODY_MAY_EXECUTE) !== 0;
  } catch {
    // ignored: there is no such file, no such folder, or no file can have that name. None of them can be run.
    return false;
  }
}

/** The handler that calls the module, loaded at its first use: an update of a root filesystem image has none. */
export const lazyModule = (type: string, index: number, parts: ModuleParts): PayloadHandler =>
  lazyHandler(type, async () =>
    (await import("./external.ts")).composeExternal(type, index, modulesFolder(parts.paths), parts),
  );

/** A handler that is loaded at its first use. */
export const lazyHandler = (type: string, make: () => Promise<PayloadHandler>): PayloadHandler => ({
  type,
  ...lazy(make, ["prepare", "download", "act", "needsReboot", "supportsRollback", "rebootArgument"]),
});
