import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";

const MIB = 1024 * 1024;
const LINUX_GUID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

/** A file's content, the target of a link, or a folder of this machine to copy. */
export type Content = string | Buffer | { readonly link: string } | { readonly copy: string };
export type Tree = Readonly<Record<string, Content>>;

export interface FixturePartition {
  readonly mib: number;
  readonly type?: string;
  readonly fs?: "ext4" | "vfat" | "squashfs" | "swap";
  readonly label?: string;
  readonly files?: Tree;
}

export interface FixtureDisk {
  readonly label: "dos" | "gpt";
  readonly partitions: readonly FixturePartition[];
  readonly raw?: readonly (readonly [offset: number, bytes: Buffer])[];
}

/** Where the first partition starts: behind both places of U-Boot's environment. */
const START_MIB = 24;

/** Writes a disk image with the system's own tools, so that none of our code makes what our code then reads. */
export async function writeDisk(path: string, { label, partitions, raw = [] }: FixtureDisk): Promise<void> {
  const total = START_MIB + partitions.reduce((sum, { mib }) => sum + mib, 0) + 1;
  writeFileSync(path, "");
  truncateSync(path, total * MIB);
  let at = START_MIB;
  const lines = partitions.map(({ mib, type, label: name }) => {
    const line = `start=${at}MiB, size=${mib}MiB, type=${type ?? (label === "dos" ? "83" : LINUX_GUID)}`;
    at += mib;
    return label === "gpt" && name !== undefined ? `${line}, name=${name}` : line;
  });
  const input = `label: ${label}\nlabel-id: ${label === "dos" ? "0x5b5b5b5b" : "5B5B5B5B-0000-4000-8000-000000000000"}\n${lines.join("\n")}\n`;
  execFileSync("sfdisk", ["--quiet", path], { input, stdio: ["pipe", "ignore", "pipe"] });
  const disk = await open(path, "r+");
  try {
    let offset = START_MIB * MIB;
    for (const partition of partitions) {
      if (partition.fs !== undefined) {
        const file = `${path}.part`;
        writeFileSystem(file, partition);
        const bytes = readFileSync(file);
        await disk.write(bytes, 0, bytes.length, offset);
        rmSync(file);
      }
      offset += partition.mib * MIB;
    }
    for (const [place, bytes] of raw) await disk.write(bytes, 0, bytes.length, place);
  } finally {
    await disk.close();
  }
}

export function writeFileSystem(path: string, { mib, fs = "ext4", label = "", files = {} }: FixturePartition): void {
  const tree = `${path}.tree`;
  mkdirSync(tree);
  for (const [name, content] of Object.entries(files)) {
    const target = join(tree, name);
    mkdirSync(dirname(target), { recursive: true });
    if (typeof content === "string" || Buffer.isBuffer(content)) writeFileSync(target, content);
    else if ("link" in content) symlinkSync(content.link, target);
    else cpSync(content.copy, target, { recursive: true });
  }
  if (fs !== "squashfs") {
    writeFileSync(path, "");
    truncateSync(path, mib * MIB);
  }
  const quiet = { stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"] };
  if (fs === "ext4") execFileSync("mke2fs", ["-q", "-t", "ext4", "-L", label, "-d", tree, path], quiet);
  else if (fs === "squashfs") execFileSync("mksquashfs", [tree, path, "-quiet", "-no-progress", "-all-root"], quiet);
  else if (fs === "swap") execFileSync("mkswap", ["-q", ...(label === "" ? [] : ["-L", label]), path], quiet);
  else {
    execFileSync("mkfs.vfat", ["-n", label || "BOOT", path], quiet);
    const names = Object.keys(files).map((name) => name.split("/").find((part) => part !== "") ?? "");
    for (const name of new Set(names)) execFileSync("mcopy", ["-s", "-i", path, join(tree, name), "::"], quiet);
  }
  rmSync(tree, { recursive: true });
}
