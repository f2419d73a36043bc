import { existsSync } from "node:fs";
import { join } from "node:path";

/** Whether a program of this name is in one of PATH's folders. */
export const isInPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
