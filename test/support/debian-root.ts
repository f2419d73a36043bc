import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { cached } from "../../image/cache.ts";

const SUITE = "bookworm";
/** apt, systemd, and what the Mender client and Node link against, beyond Debian's essential packages. */
const ADDED = ["apt", "libglib2.0-0", "libssl3", "libstdc++6", "systemd"];
/** Manuals and translations would double the size. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

export interface Done {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** The folder with the archive `root.tar` of a small Debian, and the package `mender-client.deb`. */
export const packedDebian = (): Promise<string> =>
  cached("debian-root", [SUITE, ...ADDED, ...LEFT_OUT, download.toString()], [], download);

/** A small Debian of its own in a folder, with the Node that runs the tests. No systemd runs in it. */
export class DebianRoot {
  readonly folder: string;

  /** Debian's archives are downloaded once in a week; each root is a copy. */
  static async make(): Promise<DebianRoot> {
    const packed = await packedDebian();
    const folder = mkdtempSync(join(tmpdir(), "switchback-root-"));
    chmodSync(folder, 0o755);
    execFileSync("tar", ["-C", folder, "-xf", join(packed, "root.tar")]);
    const root = new DebianRoot(folder);
    mkdirSync(join(folder, "packages"));
    copyFileSync(join(packed, "mender-client.deb"), join(folder, "packages/mender-client.deb"));
    return root;
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Runs a program inside, with a `/proc` that nothing else sees. It finds neither the variables of this process nor a service manager. */
  run(program: string, ...args: readonly string[]): Done {
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" };
    const inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
    const words = ["--mount", "sh", "-c", inside, this.folder, program, ...args];
    const done = spawnSync("unshare", words, { encoding: "utf8", env });
    return { status: done.status, out: done.stdout, err: done.stderr };
  }

  shell(script: string): Done {
    return this.run("sh", "-c", script);
  }

  /** Copies packages inside. @returns their paths there */
  bring(...packages: readonly string[]): readonly string[] {
    return packages.map((path) => {
      copyFileSync(path, this.path("packages", basename(path)));
      return `/packages/${basename(path)}`;
    });
  }

  /** Installs packages with dpkg, which asks nothing and keeps changed configuration files. */
  install(...packages: readonly string[]): Done {
    return this.run("dpkg", "--force-confdef", "--force-confold", "-i", ...this.bring(...packages));
  }

  /** Runs apt-get, which finds no list of packages, in the folder of the packages that were brought inside. */
  apt(...args: readonly string[]): Done {
    return this.run("sh", "-c", 'cd /packages && exec apt-get -y -o APT::Sandbox::User=root "$@"', "sh", ...args);
  }

  /** Packs the running Node as the package `nodejs`, with the libraries that the root lacks, and installs it. */
  installNode(version = process.versions.node): Done {
    const deb = packNode(version, (path) => existsSync(this.path(path)));
    const done = this.install(deb);
    rmSync(deb);
    return done;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Packs the running Node as the package `nodejs`, with the libraries that a system lacks. @returns its path */
export const packNode = (version: string, has: (path: string) => boolean): string =>
  packOwn("nodejs", version, [[process.execPath, "/usr/bin/node"]], has);

const POSTGRES = "/usr/lib/postgresql/15";

/**
 * Packs the PostgreSQL of this machine as the package `postgresql`, with the libraries that a system lacks and without
 * its compiler of queries, which would bring 100 MB of LLVM. @returns its path
 */
export function packPostgres(has: (path: string) => boolean): string {
  const programs = ["postgres", "initdb", "pg_ctl"].map((name) => `${POSTGRES}/bin/${name}`);
  const shared = ["/usr/share/postgresql/15", "/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/UTC"];
  const libraries = readdirSync(`${POSTGRES}/lib`).filter((name) => /\.so$/.test(name) && !name.startsWith("llvmjit"));
  const paths = [...programs, ...shared, ...libraries.map((name) => `${POSTGRES}/lib/${name}`)];
  return packOwn(
    "postgresql",
    "15",
    paths.map((path) => [path, path]),
    has,
  );
}

/** Packs files and folders of this machine with the libraries that their programs need and a system lacks. */
function packOwn(
  name: string,
  version: string,
  files: readonly (readonly [from: string, to: string])[],
  has: (path: string) => boolean,
): string {
  const tree = mkdtempSync(join(tmpdir(), `switchback-${name}-`));
  try {
    const programs = files.map(([from]) => from).filter((path) => /\/bin\//.test(path));
    const libraries = execFileSync("ldd", programs, { encoding: "utf8" }).matchAll(/=> (\/\S+)/g);
    const missing = new Set([...libraries].map(([, path = ""]) => path).filter((path) => !has(path)));
    for (const [from, to] of [...files, ...[...missing].map((path) => [path, path] as const)]) {
      mkdirSync(join(tree, dirname(to)), { recursive: true });
      cpSync(from, join(tree, to), { recursive: true, dereference: true });
    }
    mkdirSync(join(tree, "DEBIAN"));
    const fields = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: tests <tests@localhost>\n`;
    writeFileSync(join(tree, "DEBIAN/control"), `${fields}Description: of this machine\n`);
    const deb = `${tree}.deb`;
    execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Znone", tree, deb]);
    return deb;
  } finally {
    rmSync(tree, { recursive: true });
  }
}

async function download(folder: string): Promise<void> {
  const options = [
    "--mode=root",
    "--variant=essential",
    `--include=${ADDED.join()}`,
    "--dpkgopt=force-unsafe-io",
    ...LEFT_OUT.map((paths) => `--dpkgopt=path-exclude=${paths}`),
  ];
  execFileSync("mmdebstrap", [...options, SUITE, join(folder, "root.tar")], { stdio: ["ignore", "ignore", "pipe"] });
  const asRoot = ["-o", "APT::Sandbox::User=root"];
  execFileSync("apt-get", [...asRoot, "download", "mender-client"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  execFileSync("sh", ["-c", "mv mender-client_*.deb mender-client.deb"], { cwd: folder });
}
