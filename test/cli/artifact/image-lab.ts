import { execFileSync } from "node:child_process";
import {
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MIB = 1024 * 1024;
const SECTORS_PER_MIB = 2048;
const ENV = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8", DEBUGFS_PAGER: "__none__" };

/** Images with known files, and what Debian's own tools say about them. */
export class ImageLab {
  readonly folder: string = mkdtempSync(join(tmpdir(), "switchback-lab-"));
  /** Content of `/etc/big` in every root file system: more than one buffer of any tool. */
  readonly big: Buffer = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));

  at(name: string): string {
    return join(this.folder, name);
  }

  put(name: string, content: string | Uint8Array, mode = 0o644): string {
    writeFileSync(this.at(name), content);
    chmodSync(this.at(name), mode);
    return this.at(name);
  }

  run(program: string, ...args: readonly string[]): string {
    return execFileSync(program, args, {
      encoding: "utf8",
      env: ENV,
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** An ext4 file system of 8 MiB. */
  makeRootfs(name: string): string {
    const tree = this.at(`${name}.tree`);
    for (const path of ["etc/dir/sub", "usr/bin", "data", "boot/efi"]) mkdirSync(join(tree, path), { recursive: true });
    writeFileSync(join(tree, "etc/hostname"), "board\n");
    writeFileSync(join(tree, "etc/dir/sub/deep"), "deep\n");
    writeFileSync(join(tree, "etc/big"), this.big);
    chmodSync(join(tree, "etc/big"), 0o4755);
    symlinkSync("hostname", join(tree, "etc/link"));
    return this.#makeExt(name, tree);
  }

  #makeExt(name: string, tree: string): string {
    this.put(name, "");
    truncateSync(this.at(name), 8 * MIB);
    this.run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, this.at(name));
    rmSync(tree, { recursive: true });
    return this.at(name);
  }

  /** A disk with a boot partition, two slots and a data partition. */
  makeDisk(name: string, label: "dos" | "gpt", hasSlotB = true): string {
    const boot = this.put(`${name}.boot`, "");
    truncateSync(boot, 8 * MIB);
    this.run("mkfs.vfat", boot);
    this.run("mcopy", "-i", boot, this.put(`${name}.config`, "kernel=a\n"), "::/config.txt");
    mkdirSync(join(this.at(`${name}.data.tree`), "etc"), { recursive: true });
    const parts = [
      boot,
      this.makeRootfs(`${name}.a`),
      hasSlotB ? this.makeRootfs(`${name}.b`) : this.put(`${name}.b`, Buffer.alloc(8 * MIB)),
      this.#makeExt(`${name}.data`, this.at(`${name}.data.tree`)),
    ];
    const disk = this.put(name, "");
    truncateSync(disk, 36 * MIB);
    const lines = parts.map((_, index) => `start=${(1 + 8 * index) * SECTORS_PER_MIB}, size=${8 * SECTORS_PER_MIB}`);
    execFileSync("sfdisk", ["--quiet", disk], { input: [`label: ${label}`, ...lines, ""].join("\n"), env: ENV });
    for (const [index, part] of parts.entries()) {
      this.run(
        "dd",
        `if=${part}`,
        `of=${disk}`,
        "bs=1M",
        `seek=${1 + 8 * index}`,
        "conv=notrunc,sparse",
        "status=none",
      );
      rmSync(part);
    }
    rmSync(this.at(`${name}.config`));
    return disk;
  }

  /** A partition of a disk of `makeDisk`, as a file. */
  partition(disk: string, number: number): string {
    const from = (1 + 8 * (number - 1)) * MIB;
    return this.put(`${number}.part`, readFileSync(disk).subarray(from, from + 8 * MIB));
  }

  /** Everything in an ext4 file system: mode, owner, and the content of each file. Fails unless e2fsck passes. */
  tree(image: string): Readonly<Record<string, string>> {
    this.run("e2fsck", "-fn", image);
    const out = this.at("dump");
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    this.run("debugfs", "-R", `rdump / ${out}`, image);
    const names = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) => name !== "lost+found");
    return Object.fromEntries(
      names.toSorted().map((name) => {
        const { mode, uid, gid } = lstatSync(join(out, name));
        const kind = mode & constants.S_IFMT;
        const content = kind === constants.S_IFREG ? readFileSync(join(out, name)).toString("latin1") : "";
        const target = kind === constants.S_IFLNK ? readlinkSync(join(out, name)) : "";
        return [`/${name}`, `${mode.toString(8)} ${uid}:${gid} ${content}${target}`];
      }),
    );
  }

  /** The image inside an Artifact. */
  imageOf(artifact: string): string {
    const data =
      this.run("tar", "-tf", artifact)
        .split("\n")
        .find((name) => name.startsWith("data/")) ?? "";
    const folder = this.at("unpacked");
    mkdirSync(folder, { recursive: true });
    this.run("tar", "-C", folder, "-xf", artifact, data);
    const [name = ""] = this.run("tar", "-tf", join(folder, data)).trim().split("\n");
    this.run("tar", "-C", folder, "-xf", join(folder, data));
    return join(folder, name);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
