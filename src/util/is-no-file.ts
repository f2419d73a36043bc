import { lstatSync, type Stats } from "node:fs";

/** @returns whether something other than a regular file is at `path`; a link is something else, too */
export const isNoFile = (path: string): boolean => lookAt(path)?.isFile() === false;

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // ignored: whoever opens it next says why that cannot be.
    return undefined;
  }
}
