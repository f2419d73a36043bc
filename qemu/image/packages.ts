import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_FOLDER, exists, hashOf, hashOfFile } from "../../image/cache.ts";
import { run } from "../../image/run.ts";

export type Suite = "bookworm" | "trixie";

/** A file of Debian's archive on this machine. */
export interface Download {
  readonly path: string;
  readonly sha256: string;
}

/** Older indexes are fetched again. */
const INDEX_AGE_MS = 24 * 60 * 60 * 1000;
const answers = new Map<string, Promise<readonly string[]>>();
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Debian packages of any release and architecture, through an apt with a separate configuration and state: it neither
 * reads nor changes the packages installed on this machine, and does not need root. It uses this machine's mirror.
 */
export class Packages {
  readonly #folder: string;
  readonly #config: string;
  readonly #suite: Suite;
  readonly #architecture: string;
  #ready: Promise<void> | undefined;

  constructor(suite: Suite, architecture: string) {
    this.#suite = suite;
    this.#architecture = architecture;
    this.#folder = join(CACHE_FOLDER, "apt", `${suite}-${architecture}`);
    this.#config = join(this.#folder, "apt.conf");
  }

  /** Downloads the packages and their dependencies for which `isWanted` returns true; installs nothing. */
  async withDependencies(names: readonly string[], isWanted: (name: string) => boolean): Promise<readonly Download[]> {
    const files = await this.#filesOf(["install", "-y", "--print-uris", "--no-install-recommends", ...names]);
    const wanted = files.filter((file) => isWanted(file.split("_")[0] ?? ""));
    return await this.#download(
      wanted.map((file) => {
        const [name = "", version = ""] = file.split("_");
        return { file, spec: `${name}=${decodeURIComponent(version)}` };
      }),
    );
  }

  /** The files of a source package; one of them ends in `.dsc`. */
  async source(name: string): Promise<readonly Download[]> {
    const files = await this.#filesOf(["source", "--print-uris", "--download-only", name]);
    const folder = join(this.#folder, "source");
    await mkdir(folder, { recursive: true });
    if ((await Promise.all(files.map((file) => exists(join(folder, file))))).includes(false)) {
      await this.#apt(["source", "--download-only", name], folder);
    }
    return await Promise.all(files.map((file) => downloaded(join(folder, file))));
  }

  /** Cached, because apt takes seconds to answer, and its answer does not change while this process runs. */
  #filesOf(args: readonly string[]): Promise<readonly string[]> {
    const key = `${this.#folder} ${args.join(" ")}`;
    const known = answers.get(key) ?? this.#apt(args).then(printedFiles);
    answers.set(key, known);
    return known;
  }

  async #download(wanted: readonly { readonly file: string; readonly spec: string }[]): Promise<readonly Download[]> {
    const folder = join(this.#folder, "packages");
    await mkdir(folder, { recursive: true });
    const there = new Set(await readdir(folder));
    const missing = wanted.filter(({ file }) => !there.has(file));
    if (missing.length > 0) await this.#apt(["download", ...missing.map(({ spec }) => spec)], folder);
    return await Promise.all(wanted.map(({ file }) => downloaded(join(folder, file))));
  }

  async #apt(args: readonly string[], cwd?: string): Promise<string> {
    this.#ready ??= this.#prepare();
    await this.#ready;
    const env = { APT_CONFIG: this.#config };
    return (await run(["apt-get", "-qq", ...args], { env, ...(cwd !== undefined && { cwd }) })).toString();
  }

  async #prepare(): Promise<void> {
    const below = (name: string): string => join(this.#folder, name);
    for (const name of ["state/lists/partial", "cache/archives/partial", "parts"]) {
      await mkdir(below(name), { recursive: true });
    }
    const mirror = await ownMirror();
    const sources =
      `deb [arch=${this.#architecture} signed-by=${KEYRING}] ${mirror} ${this.#suite} main\n` +
      `deb-src [signed-by=${KEYRING}] ${mirror} ${this.#suite} main\n`;
    const config = [
      `APT::Architecture "${this.#architecture}";`,
      `APT::Architectures { "${this.#architecture}"; };`,
      'APT::Sandbox::User "";',
      'Acquire::Languages "none";',
      'Debug::NoLocking "true";',
      `Dir::State "${below("state")}";`,
      `Dir::State::status "${below("status")}";`,
      `Dir::Cache "${below("cache")}";`,
      `Dir::Etc::SourceList "${below("sources.list")}";`,
      `Dir::Etc::SourceParts "${below("parts")}";`,
      `Dir::Etc::PreferencesParts "${below("parts")}";`,
    ].join("\n");
    await writeFile(below("status"), "");
    await writeFile(below("sources.list"), sources);
    await writeFile(this.#config, `${config}\n`);
    const stamp = below(`updated-${hashOf([sources]).slice(0, 12)}`);
    const updated = await stat(stamp).catch(() => undefined); // ignored: the indexes were never fetched.
    if (updated !== undefined && Date.now() - updated.mtimeMs < INDEX_AGE_MS) return;
    await run(["apt-get", "-qq", "update"], { env: { APT_CONFIG: this.#config } });
    await writeFile(stamp, "");
  }
}

/** File names that apt prints as `'URL' NAME SIZE HASH`, sorted. */
function printedFiles(output: string): readonly string[] {
  const files = [...output.matchAll(/^'[^']+' (\S+) \d+ /gm)].map((match) => match[1] ?? "");
  if (files.length === 0) throw new Error(`apt-get named no file to fetch:\n${output.slice(0, 500)}`);
  return files.toSorted();
}

const downloaded = async (path: string): Promise<Download> => ({ path, sha256: await hashOfFile(path) });

/** The archive from which this machine gets its updates. */
async function ownMirror(folder = "/etc/apt"): Promise<string> {
  const parts = (await readdir(join(folder, "sources.list.d")).catch(() => [])).toSorted(); // ignored: none exist.
  for (const path of ["sources.list", ...parts.map((name) => join("sources.list.d", name))]) {
    const text = await readFile(join(folder, path), "utf8").catch(() => ""); // ignored: the next file may name one.
    const found = text
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => /\bhttps?:\/\/\S+\/debian\/?(?=\s|$)/.exec(line)?.[0])
      .find((url) => url !== undefined);
    if (found !== undefined) return found;
  }
  throw new Error(`no Debian archive is named in ${folder}/sources.list or ${folder}/sources.list.d`);
}
