import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Adds keys to the configuration of a board. */
export function changeConfiguration(board: string, keys: Readonly<Record<string, unknown>>): void {
  const path = join(board, "etc/mender.conf");
  const configuration: object = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...configuration, ...keys }, undefined, 2));
}
