import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tar } from "../artifact/odd-artifacts.ts";
import { severalPayloads } from "../artifact/several-payloads.ts";
import type { TestBoard } from "../support/test-board.ts";
import { type Kind, shipModule } from "../system/crash/scenarios.ts";
import { place } from "./module-board.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;

interface Parts extends Omit<Kind, "name" | "reboots" | "release"> {
  files(board: TestBoard, version: string): Promise<Files>;
  metaData?(version: string): unknown;
}

/** A kind of update whose only payload goes to a shipped module. */
export const shipped = (type: string, parts: Parts): Kind => ({
  ...parts,
  name: type,
  reboots: false,
  async setUp(board) {
    await shipModule(board, type);
    await parts.setUp(board);
  },
  async release(board, version) {
    const path = board.file(`${version}.mender`);
    const files = await parts.files(board, version);
    await writeFile(path, severalPayloads(version, [{ type, files, metaData: parts.metaData?.(version) }]));
    return path;
  },
});

const page = (version: string): string => `page of ${version}\n`.repeat(500);

export const directory = shipped("directory", {
  async setUp(board) {
    await mkdir(board.file("site"));
    await writeFile(board.file("site/page"), page("v1"));
    await writeFile(board.file("site/only-v1"), "");
  },
  files: async (board, version) => ({
    dest_dir: board.file("site"),
    "update.tar": tar([
      { name: "page", content: page(version) },
      { name: `only-${version}`, content: "" },
    ]),
  }),
  async versions(board, known) {
    const names = readdirSync(board.file("site")).sort();
    const text = readFileSync(board.file("site/page"), "utf8");
    const found = known.find((version) => names.join(" ") === `only-${version} page` && text === page(version));
    if (found === undefined) throw new Error(`the folder is of no version: ${names.join(" ")}, ${text.slice(0, 20)}`);
    return [found];
  },
});

export const script = shipped("script", {
  setUp: (board) => writeFile(board.file("migrated"), "v1"),
  files: async (board, version) => {
    const to = board.file("migrated");
    const keep = `[ -e '${to}.old' ] || { cp '${to}' '${to}.cp' && mv '${to}.cp' '${to}.old'; }`;
    const undo = `if [ -e '${to}.old' ]; then cp '${to}.old' '${to}.cp'; mv '${to}.cp' '${to}'; fi`;
    return {
      "10-migrate": `#!/bin/sh\nset -e\n${keep}\nprintf ${version} >'${to}.new'\nmv '${to}.new' '${to}'\n`,
      "10-migrate.rollback": `#!/bin/sh\nset -e\n${undo}\n`,
    };
  },
  versions: async (board) => {
    // Scripts manage the files for their rollback themselves. Here the next update must not find such files.
    if ((await board.pending()) === undefined) await rm(board.file("migrated.old"), { force: true });
    return [await readFile(board.file("migrated"), "utf8")];
  },
});

const ROOT = (board: TestBoard): string => board.file("system");
const dpkgEnv = (board: TestBoard) => ({ DPKG_ROOT: ROOT(board), DPKG_FORCE: "script-chrootless" });

function debOf(board: TestBoard, version: string): Buffer {
  const stage = board.file("stage");
  const control = `Package: app\nVersion: ${version.slice(1)}\nArchitecture: all\nMaintainer: T <t@example.org>\n`;
  place(join(stage, "DEBIAN/control"), `${control}Description: a test\n`);
  place(join(stage, "opt/app/run"), page(version));
  execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "-b", stage, board.file("made.deb")]);
  return readFileSync(board.file("made.deb"));
}

export const deb = shipped("deb", {
  env: dpkgEnv,
  async setUp(board) {
    await mkdir(join(ROOT(board), "var/lib/dpkg/info"), { recursive: true });
    await mkdir(join(ROOT(board), "var/lib/dpkg/updates"));
    for (const name of ["status", "available"]) await writeFile(join(ROOT(board), "var/lib/dpkg", name), "");
    debOf(board, "v1");
    const env = { ...process.env, ...dpkgEnv(board) };
    execFileSync("dpkg", ["-i", board.file("made.deb")], { env, stdio: "pipe" });
  },
  files: async (board, version) => ({ "app_all.deb": debOf(board, version) }),
  async versions(board, known) {
    const text = readFileSync(join(ROOT(board), "opt/app/run"), "utf8");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills the braces in.
    const query = ["-W", "-f", "${Version} ${db:Status-Status}", "app"];
    const installed = execFileSync("dpkg-query", query, { env: { ...process.env, ...dpkgEnv(board) } }).toString();
    const found = known.find((version) => text === page(version) && installed === `${version.slice(1)} installed`);
    if (found === undefined) throw new Error(`the package is of no version: ${installed}, ${text.slice(0, 20)}`);
    return [found];
  },
});

function rpmOf(board: TestBoard, version: string): Buffer {
  place(join(board.file("stage"), ROOT(board), "opt/run"), page(version));
  const head = `Name: app\nVersion: ${version.slice(1)}\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n`;
  const install = `%install\nmkdir -p %{buildroot}\ncp -a ${board.file("stage")}/. %{buildroot}/\n`;
  place(board.file("spec"), `${head}%description\nA test.\n${install}%files\n${join(ROOT(board), "opt/run")}\n`);
  execFileSync("rpmbuild", ["-bb", "--quiet", "--define", `_topdir ${board.file("build")}`, board.file("spec")], {
    stdio: "pipe",
  });
  return readFileSync(board.file(`build/RPMS/noarch/app-${version.slice(1)}-1.noarch.rpm`));
}

/** Debian keeps the database of rpm in the home folder. */
const rpmEnv = (board: TestBoard) => ({ HOME: ROOT(board) });

export const rpm = shipped("rpm", {
  env: rpmEnv,
  async setUp(board) {
    await mkdir(ROOT(board));
    await writeFile(board.file("first.rpm"), rpmOf(board, "v1"));
    execFileSync("rpm", ["-U", board.file("first.rpm")], { env: { ...process.env, ...rpmEnv(board) }, stdio: "pipe" });
  },
  files: async (board, version) => ({ "app.rpm": rpmOf(board, version) }),
  async versions(board, known) {
    const text = readFileSync(join(ROOT(board), "opt/run"), "utf8");
    const env = { ...process.env, ...rpmEnv(board) };
    const installed = execFileSync("rpm", ["-q", "--qf", "%{VERSION} ", "app"], { env }).toString().trim();
    const found = known.find((version) => text === page(version) && installed === version.slice(1));
    if (found === undefined) throw new Error(`the package is of no version: ${installed}, ${text.slice(0, 20)}`);
    return [found];
  },
});
