import { execFile } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parseImageBoard } from "../../image/board/load.ts";
import { createImage, type ImageInputs } from "../../image/create.ts";
import type { Layout } from "../../image/layout.ts";

const execute = promisify(execFile);

export const MIB = 1024 * 1024;
/** Before all times of the tree of a test. */
const TIME = 1_600_000_000;

export const newFolder = (): string => mkdtempSync(join(tmpdir(), "switchback-image-"));

export function put(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** A small root filesystem with one of each kind that needs no privileges. */
export function makeTree(folder: string): string {
  const tree = join(folder, "root");
  put(tree, {
    "etc/hostname": "board\n",
    "usr/bin/program": "#!/bin/sh\n",
    "usr/share/text": "x".repeat(100_000),
    "usr/share/empty": "",
    "usr/share/hole": Buffer.alloc(20_000),
  });
  chmodSync(join(tree, "usr/bin/program"), 0o4755);
  symlinkSync("usr/bin", join(tree, "bin"));
  symlinkSync("y".repeat(100), join(tree, "etc/long"));
  linkSync(join(tree, "usr/share/text"), join(tree, "usr/share/same"));
  return tree;
}

/** Of an image of UBI volumes. */
const NO_LAYOUT: Layout = { label: "dos", id: "", sizeBytes: 0, partitions: [] };

/** Creates an image of a board file that is `text`. */
export async function create(folder: string, text: string, inputs: Partial<ImageInputs> & { rootfs: string }) {
  const board = parseImageBoard(text, join(folder, "board.yaml"));
  const made = await createImage(board, { output: join(folder, "disk.img"), time: TIME, ...inputs });
  return { ...made, layout: made.layout ?? NO_LAYOUT };
}

/** What a program prints. */
export async function said(program: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, DEBUGFS_PAGER: "__none__" };
  return (await execute(program, args, { env, maxBuffer: 64 * MIB })).stdout;
}

/** Copies a partition out of an image. @returns the path of the copy */
export async function extracted(image: string, { partitions }: Layout, role: string): Promise<string> {
  const partition = partitions.find((found) => found.role === role);
  if (partition === undefined) throw new Error(`no partition ${role}`);
  const path = `${image}.${role}`;
  const [from, to] = [await open(image, "r"), await open(path, "w")];
  try {
    const buffer = Buffer.alloc(MIB);
    for (let at = 0; at < partition.size; at += MIB) {
      const { bytesRead } = await from.read(buffer, 0, Math.min(MIB, partition.size - at), partition.startBytes + at);
      await to.write(buffer, 0, bytesRead, at);
    }
  } finally {
    await from.close();
    await to.close();
  }
  return path;
}
