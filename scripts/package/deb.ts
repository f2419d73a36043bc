import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture } from "../lib/run.ts";
import { type Staged, stage } from "./staged-tree.ts";

export interface Maintainer {
  readonly name: string;
  readonly email: string;
}

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** Further fields of the control file, in their order. `undefined` leaves a field out. */
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly synopsis: string;
  /** Paragraphs of the description. */
  readonly description: readonly string[];
  readonly files: readonly Staged[];
  /** Texts of the maintainer scripts, by name: `postinst` and so on. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Text of the changelog, in Debian's format. */
  readonly changelog: string;
  readonly copyright: string;
  /** Reports of lintian that are wrong for this package, each with its reason in a comment before it. */
  readonly lintianOverrides?: string;
}

/**
 * Builds the package with `dpkg-deb`. The same package and `epoch` give the same bytes, for every user and on every day.
 *
 * @returns path of the package in `output`
 */
export async function buildDeb(deb: DebianPackage, output: string, epoch: number): Promise<string> {
  const files = [...deb.files, ...documents(deb)];
  const controlFiles: readonly Staged[] = [
    { path: "/DEBIAN/control", content: controlText(deb, files) },
    { path: "/DEBIAN/md5sums", content: md5sums(files) },
    ...conffiles(files),
    ...Object.entries(deb.scripts).map(([name, content]) => ({
      path: `/DEBIAN/${name}`,
      content,
      mode: 0o755 as const,
    })),
  ];
  const root = await mkdtemp(join(tmpdir(), "switchback-deb-"));
  try {
    await stage([...files, ...controlFiles], root, epoch);
    await mkdir(output, { recursive: true });
    const path = join(output, `${deb.name}_${deb.version}_all.deb`);
    // One thread: the number of processors decides how the threads of xz divide the data.
    const args = ["--build", "--root-owner-group", "-Zxz", "--threads-max=1", root, path];
    const { code, output: text } = await capture("dpkg-deb", args, { SOURCE_DATE_EPOCH: String(epoch) });
    if (code !== 0) throw new Error(`dpkg-deb failed: ${text}`);
    await chmod(path, 0o644);
    return path;
  } finally {
    await rm(root, { recursive: true });
  }
}

/** The documents that Debian's policy asks for, and the overrides. */
function documents({ name, changelog, copyright, lintianOverrides }: DebianPackage): readonly Staged[] {
  const doc = `/usr/share/doc/${name}`;
  return [
    { path: `${doc}/changelog.gz`, content: gzipped(changelog) },
    { path: `${doc}/copyright`, content: copyright },
    ...(lintianOverrides === undefined
      ? []
      : [{ path: `/usr/share/lintian/overrides/${name}`, content: lintianOverrides }]),
  ];
}

/** The program gzip writes the same bytes everywhere. Those of Node's zlib depend on its version and the processor. */
export const gzipped = (content: Uint8Array | string): Buffer =>
  execFileSync("gzip", ["-9", "--no-name"], { input: content, maxBuffer: 2 ** 30 });

function controlText(deb: DebianPackage, files: readonly Staged[]): string {
  const bytes = files.reduce((total, { content }) => total + Math.ceil(lengthOf(content) / 1024), 0);
  const description = deb.description.map((text) => foldedLines(text).join("\n"));
  const fields = {
    Package: deb.name,
    Version: deb.version,
    Architecture: "all",
    "Installed-Size": String(bytes),
    ...deb.fields,
    Description: `${deb.synopsis}\n${description.join("\n .\n")}`,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `${given.map(([key, value]) => `${key}: ${value}`).join("\n")}\n`;
}

/** Every file below `/etc`: dpkg keeps what the owner of the device has changed. */
function conffiles(files: readonly Staged[]): readonly Staged[] {
  const paths = files.filter(({ path }) => path.startsWith("/etc/")).map(({ path }) => `${path}\n`);
  return paths.length === 0 ? [] : [{ path: "/DEBIAN/conffiles", content: paths.sort().join("") }];
}

function md5sums(files: readonly Staged[]): string {
  const lines = files.flatMap(({ path, content }) =>
    typeof content === "object" && "linkTo" in content
      ? []
      : [`${createHash("md5").update(content).digest("hex")}  ${path.slice(1)}\n`],
  );
  return lines.sort((a, b) => (a.slice(34) < b.slice(34) ? -1 : 1)).join("");
}

const lengthOf = (content: Staged["content"]): number =>
  typeof content === "object" && "linkTo" in content ? 1 : Buffer.byteLength(content);

const FOLD = 76;

function foldedLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < FOLD) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(` ${word}`);
  }
  return lines;
}
