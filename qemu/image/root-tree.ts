import { chmod, copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cached, exists } from "../../image/cache.ts";
import { run } from "../../image/run.ts";
import type { Board } from "./board.ts";
import { BOARD_BUILDERS } from "./builders.ts";
import { keepEnglishOnly } from "./languages.ts";
import { type Download, Packages } from "./packages.ts";

const MERGED = ["bin", "sbin", "lib", "lib64"];
const EMPTY = [
  "boot",
  "data",
  "dev",
  "etc",
  "mnt",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "var/lib",
  "var/log",
  "var/tmp",
];
/** Parts of the packages that nothing on the board reads. */
const DROPPED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/lintian",
  "usr/share/info",
  "usr/share/bug",
  "usr/share/initramfs-tools",
  "usr/share/doc-base",
  "usr/share/perl5",
  "usr/share/bash-completion",
  "usr/share/nodejs/@types",
  "usr/lib/arm-linux-gnueabihf/gconv",
  "usr/lib/x86_64-linux-gnu/gconv",
  "usr/include",
  "usr/lib/udev",
  "usr/lib/systemd",
  "usr/share/gdb",
  "usr/share/gcc",
  "etc/cron.d",
  "etc/init.d",
  "etc/default",
];

/**
 * Builds the part of a board's root filesystem that is the same in every release: unpacked Debian packages and links to
 * busybox's applets. It runs no program of the foreign architecture.
 */
export async function buildRootTree(board: Board): Promise<string> {
  const { suite, packages, leaveOut, only = {} } = board.rootfs;
  const source = new Packages(suite, board.architecture);
  const files = await source.withDependencies(packages, (name) => !leaveOut.includes(name));
  const unknown = Object.keys(only).filter((name) => !files.some((file) => packageOf(file) === name));
  if (unknown.length > 0) throw new Error(`${board.name}: nothing is unpacked of ${unknown.join(", ")} (rootfs.only)`);
  const applets = await busyboxApplets(suite);
  const inputs = [
    ...files.map(({ sha256 }) => sha256),
    ...applets,
    ...MERGED,
    ...EMPTY,
    ...DROPPED,
    JSON.stringify(only),
  ];
  const folder = await cached("root", inputs, BOARD_BUILDERS, (folder) =>
    unpack(join(folder, "tree"), files, only, applets),
  );
  return join(folder, "tree");
}

const packageOf = ({ path }: Download): string => basename(path).split("_")[0] ?? "";

async function unpack(
  tree: string,
  files: readonly Download[],
  only: Readonly<Record<string, readonly string[]>>,
  applets: readonly string[],
): Promise<void> {
  for (const name of [...MERGED.map((name) => `usr/${name}`), ...EMPTY]) {
    await mkdir(join(tree, name), { recursive: true });
  }
  for (const name of MERGED) await symlink(`usr/${name}`, join(tree, name));
  for (const file of files) {
    const archive = await run(["dpkg-deb", "--fsys-tarfile", file.path]);
    // tar fails on a missing path.
    const paths = (only[packageOf(file)] ?? []).map((wanted) => `./${wanted}`);
    await run(["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", tree, ...paths], { stdin: archive });
  }
  for (const name of DROPPED) await rm(join(tree, name), { recursive: true, force: true });
  const libraries = (await run(["find", "usr/lib", "-type", "f", "-name", "libicudata.so.*", "-print0"], { cwd: tree }))
    .toString()
    .split("\0")
    .filter(Boolean);
  for (const library of libraries) await keepEnglishOnly(join(tree, library));
  for (const applet of applets) {
    const path = join(tree, applet.startsWith("usr/") ? applet : `usr/${applet}`);
    if (!(await exists(path))) {
      // Replaces a link to a program that was dropped.
      await rm(path, { force: true });
      await symlink("/usr/bin/busybox", path);
    }
  }
  for (const [link, target] of Object.entries({
    "var/run": "/run",
    "var/lock": "/run/lock",
    "var/lib/mender": "/data/mender",
  })) {
    await symlink(target, join(tree, link));
  }
  const certificates = join(tree, "usr/share/ca-certificates/mozilla");
  const texts = await Promise.all(
    (await readdir(certificates)).toSorted().map((name) => readFile(join(certificates, name), "utf8")),
  );
  await mkdir(join(tree, "etc/ssl/certs"), { recursive: true });
  await writeFile(join(tree, "etc/ssl/certs/ca-certificates.crt"), texts.join(""));
  await checkLibraries(tree);
}

/** Paths such as `bin/ls`, listed by the same release's busybox for this machine's architecture. */
async function busyboxApplets(suite: Board["rootfs"]["suite"]): Promise<readonly string[]> {
  const own = (await run(["dpkg", "--print-architecture"])).toString().trim();
  const [busybox] = await new Packages(suite, own).withDependencies(
    ["busybox-static"],
    (name) => name === "busybox-static",
  );
  if (busybox === undefined) throw new Error("busybox-static is not to be had");
  const folder = await cached("busybox", [busybox.sha256], BOARD_BUILDERS, async (folder) => {
    await run(["dpkg-deb", "-x", busybox.path, join(folder, "tree")]);
    await copyFile(join(folder, "tree/usr/bin/busybox"), join(folder, "busybox"));
    await chmod(join(folder, "busybox"), 0o755);
  });
  const list = (await run([join(folder, "busybox"), "--list-full"])).toString();
  return list
    .split("\n")
    .filter((path) => path !== "" && dirname(path) !== ".")
    .toSorted();
}

/** @throws {Error} if a program needs a missing library: better now than when the board starts */
async function checkLibraries(tree: string): Promise<void> {
  const programs = (
    await run(["find", "usr/bin", "usr/sbin", "usr/lib", "-type", "f", "-print0"], { cwd: tree })
  ).toString();
  const needed = new Map<string, string>();
  for (const path of programs.split("\0").filter(Boolean)) {
    // A file that is not a program has no such section, and readelf fails for it.
    const said = await run(["readelf", "-d", path], { cwd: tree }).catch(() => Buffer.alloc(0)); // ignored: no program
    for (const [, name = ""] of said.toString().matchAll(/\(NEEDED\).*\[(.+)\]/g)) needed.set(name, path);
  }
  if (needed.size === 0) throw new Error(`no program was found in ${tree}`);
  const there = new Set((await run(["find", "usr/lib", "-printf", "%f\\0"], { cwd: tree })).toString().split("\0"));
  const missing = [...needed].filter(([name]) => !there.has(name)).map(([name, by]) => `${name} (for ${by})`);
  if (missing.length > 0) throw new Error(`libraries are missing on the board: ${missing.join(", ")}`);
}
