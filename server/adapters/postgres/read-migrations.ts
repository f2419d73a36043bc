import { readdir, readFile } from "node:fs/promises";
import type { Migration } from "./migrate.ts";

/** Beside this file, and beside the bundle. */
const FOLDER = new URL("./migrations/", import.meta.url);

/** All migrations that this version of the program knows, in order. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (file) => ({
      number: Number.parseInt(file, 10),
      name: file.slice(0, -".sql".length),
      text: await readFile(new URL(file, FOLDER), "utf8"),
    })),
  );
}
