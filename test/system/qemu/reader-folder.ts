import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join, resolve } from "node:path";
import ssh2 from "ssh2";
import { buildSystem } from "../../../qemu/image/system.ts";
import { buildBoard } from "../../../qemu/rig/bench.ts";
import { roomyFolder } from "./test-board.ts";

/**
 * A folder as a reader of docs/guides/ci-with-qemu.md has it: `disk.img`, which no test may change, `release-2.mender`
 * for the same board, `id_ed25519`, and the programs in `bin`.
 */
export async function readerFolder(name: "x86-64-grub"): Promise<string> {
  const folder = await mkdtemp(join(await roomyFolder(), "switchback-reader-"));
  const path = (file: string): string => join(folder, file);
  mkdirSync(path("bin"));
  symlinkSync(resolve("dist/qemu/switchback-qemu.mjs"), path("bin/switchback-qemu"));
  const { board, disk } = await buildBoard(name);
  execFileSync("cp", ["--sparse=always", disk, path("disk.img")]);
  writeFileSync(path("id_ed25519"), ssh2.utils.generateKeyPairSync("ed25519").private, { mode: 0o600 });
  const image = await buildSystem(board, { version: "v2", agent: "dist" });
  const argv = ["artifact", "write", "rootfs-image", "-t", board.deviceType, "-n", "v2", "-f", image];
  execFileSync("dist/switchback.mjs", [...argv, "--compression", "none", "-o", path("release-2.mender")], {
    stdio: "ignore",
  });
  return folder;
}
