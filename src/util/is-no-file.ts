import { lstatSync, type Stats } from "node:fs";

/** @returns whether something other than a regular file is at `path`; links are not followed */
export const isNoFile = (path: string): boolean => statOf(path)?.isFile() === false;

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // ignored: the code that opens the path next reports the error.
    return undefined;
  }
}
