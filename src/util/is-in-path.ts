import { existsSync } from "node:fs";
import { join } from "node:path";

/** Whether PATH contains a program of this name. */
export const isInPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
