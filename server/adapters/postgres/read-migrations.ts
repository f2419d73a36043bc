import { readdir, readFile } from "node:fs/promises";
import type { Migration } from "./migrate.ts";

/** Beside this file, and beside the bundle. */
const FOLDER = new URL("./migrations/", import.meta.url);

/** All migrations that this version of the program knows, in order. */
export async function readMigrations(folder: URL = FOLDER): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (file) => {
      const text = await readFile(new URL(file, folder), "utf8");
      const number = Number.parseInt(file, 10);
      const [, oldest] = /^-- oldest: (\d+)$/m.exec(text) ?? [];
      // One that says nothing works with the program before it only: that is the safe guess.
      return { number, name: file.slice(0, -".sql".length), text, oldest: Number(oldest ?? Math.max(0, number - 1)) };
    }),
  );
}
