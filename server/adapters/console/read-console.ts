import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";

/** A file of the console, as it is sent. */
export interface ConsoleFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer | undefined;
  readonly brotli: Buffer | undefined;
}

/** The files of the console by their paths, as `/assets/index-1a2b.js`. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/** Beside the bundle. A server that runs from its sources has none. */
const FOLDER = new URL("./console/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * Reads the console into memory: some hundred kilobytes. A request then finds a file by its whole path, or none, so no
 * path can lead out of the folder.
 *
 * @returns nothing if there is no console
 */
export async function readConsole(folder: URL = FOLDER): Promise<ConsoleFiles | undefined> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (names === undefined) return undefined;
  const present = new Set(names);
  const read = async (name: string): Promise<Buffer | undefined> =>
    present.has(name) ? readFile(new URL(name, folder)) : undefined;
  const files = names.flatMap((name) => {
    const type = TYPES[extname(name)];
    return type === undefined ? [] : [{ name, type }];
  });
  const entries = files.map(async ({ name, type }): Promise<[string, ConsoleFile]> => {
    const plain = await readFile(new URL(name, folder));
    return [`/${name}`, { type, plain, gzip: await read(`${name}.gz`), brotli: await read(`${name}.br`) }];
  });
  return new Map(await Promise.all(entries));
}
