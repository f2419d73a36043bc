import { readFileSync } from "node:fs";

/**
 * The text of a small file, read on the spot. Asynchronously it would go through a thread four times, which costs a
 * daemon that does it at each poll ten times as much as the reading.
 *
 * @throws what the system says
 */
export const readSmallFile = (path: string): string => readFileSync(path, "utf8");
