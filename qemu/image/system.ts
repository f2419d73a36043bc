import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached, exists, hashOf } from "../../image/cache.ts";
import { makeSquashfs } from "../../image/filesystems.ts";
import { partitionOf } from "../../image/placeholders.ts";
import { run } from "../../image/run.ts";
import type { Board } from "./board.ts";
import { BOARD_BUILDERS } from "./builders.ts";
import { buildKernel } from "./kernel.ts";
import { buildRootTree } from "./root-tree.ts";

const GUEST = "qemu/guest";

/** A file of a root filesystem that is not from a package. */
export interface SystemFile {
  readonly content: string | Uint8Array;
  readonly mode: number;
}
export type SystemFiles = Readonly<Record<string, SystemFile>>;

export interface SystemOptions {
  /** The content of `/etc/version`. */
  readonly version: string;
  /** Folder of the built program, as `npm run build` leaves it. */
  readonly agent: string;
  /** Files that are added last and replace any others. */
  readonly files?: SystemFiles;
}

const text = (content: string): SystemFile => ({ content, mode: 0o644 });
const program = (content: string | Uint8Array): SystemFile => ({ content, mode: 0o755 });

/** The path of a root filesystem image: kernel, Debian's programs, the agent and its configuration. */
export async function buildSystem(board: Board, options: SystemOptions): Promise<string> {
  const tree = await buildRootTree(board);
  const files = {
    ...(await boardFiles(board)),
    ...(await agentFiles(options.agent)),
    "etc/version": text(`${options.version}\n`),
    // The release that a board reports before its first update.
    "etc/mender/artifact_info": text(`artifact_name=${options.version}\n`),
    ...options.files,
  };
  return await systemImage(board, tree, files);
}

/** The ways to break a system so that it never gets further than its kernel. */
export type BrokenBy = "a kernel panic" | "a garbage kernel" | "no init" | "a hang";

/** The path of a small image that never starts an agent. */
export async function buildBrokenSystem(board: Board, brokenBy: BrokenBy): Promise<string> {
  const busybox = await readFile(join(await buildRootTree(board), "usr/bin/busybox"));
  const folders = { "dev/.keep": text(""), "proc/.keep": text(""), "sys/.keep": text("") };
  const init = (script: string): SystemFiles => ({
    ...folders,
    "bin/busybox": program(busybox),
    "sbin/init": program(`#!/bin/busybox sh\n${script}\n`),
  });
  const systems: Readonly<Record<BrokenBy, SystemFiles>> = {
    "a kernel panic": init("busybox mount -t proc proc /proc\necho c >/proc/sysrq-trigger"),
    "a garbage kernel": { ...folders, "boot/zImage": text(hashOf(["no kernel"]).repeat(20_000)) },
    "no init": folders,
    "a hang": init("echo 'board: hangs'\nwhile :; do busybox sleep 3600; done"),
  };
  return await systemImage(board, undefined, systems[brokenBy]);
}

async function systemImage(board: Board, base: string | undefined, files: SystemFiles): Promise<string> {
  const kernel = await buildKernel(board);
  const described = Object.entries(files).flatMap(([path, { content, mode }]) => [
    path,
    String(mode),
    hashOf([content]),
  ]);
  const inputs = [base ?? "", kernel, board.rootfs.compression, ...described];
  const folder = await cached(`system-${board.name}`, inputs, BOARD_BUILDERS, async (folder) => {
    const tree = join(folder, "tree");
    if (base === undefined) await mkdir(tree);
    // Hard links: every replaced file is removed first, so that the original stays unchanged.
    else await run(["cp", "-al", base, tree]);
    const boot = join(tree, "boot");
    await mkdir(boot, { recursive: true });
    for (const name of await readdir(kernel)) await copyFile(join(kernel, name), join(boot, name));
    for (const [path, { content, mode }] of Object.entries(files)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await rm(join(tree, path), { force: true });
      await writeFile(join(tree, path), content);
      await chmod(join(tree, path), mode);
    }
    await chmod(tree, 0o755);
    await makeSquashfs(tree, join(folder, "rootfs.img"), board.rootfs.compression);
    await rm(tree, { recursive: true });
  });
  return join(folder, "rootfs.img");
}

async function boardFiles(board: Board): Promise<SystemFiles> {
  const { partitionPrefix, layout } = board;
  const { bootloader, disk } = board.image;
  const guest = (name: string): Promise<string> => readFile(join(GUEST, name), "utf8");
  const variables = {
    NAME: board.name,
    DEVICE_TYPE: board.deviceType,
    PARTITION: partitionPrefix,
    BOOT_MOUNT: board.bootMount,
  };
  const config = {
    RootfsPartA: partitionOf(layout, "rootfsA")?.node,
    RootfsPartB: partitionOf(layout, "rootfsB")?.node,
    Switchback: {
      Bootloader: bootloader.kind === "grub" ? "grub" : "uboot",
      AllowPlainHttp: true,
      DownloadRetryWaitSeconds: 2,
    },
    UpdatePollIntervalSeconds: 5,
    InventoryPollIntervalSeconds: 60,
    RetryPollIntervalSeconds: 2,
  };
  return {
    "etc/board": text(
      Object.entries(variables)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    ),
    "etc/inittab": text((await guest("inittab")).replace("@CONSOLE@", board.console.split(",")[0] ?? "")),
    "etc/rcS": program(await guest("rcS")),
    "etc/rc.shutdown": program(await guest("rc.shutdown")),
    "usr/libexec/start-agent": program(await guest("start-agent")),
    "usr/share/mender/identity/mender-device-identity": program(await guest("mender-device-identity")),
    "usr/share/mender/inventory/mender-inventory-board": program(await guest("mender-inventory-board")),
    "etc/mender/mender.conf": text(`${JSON.stringify(config, null, 2)}\n`),
    "etc/passwd": text("root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    "etc/group": text("root:x:0:\nnogroup:x:65534:\n"),
    "etc/shells": text("/bin/sh\n"),
    "etc/hosts": text(`127.0.0.1 localhost ${board.name}\n10.0.2.2 server\n`),
    "etc/resolv.conf": text("nameserver 10.0.2.3\n"),
    // The keys belong to the board rather than to the release.
    "etc/dropbear/.keep": text(""),
    [`${board.bootMount.slice(1)}/.keep`]: text(""),
    ...(bootloader.kind === "u-boot" && {
      "etc/fw_env.config": text(
        (bootloader.environment.offsets ?? [])
          .map((offset) => `${disk?.device} 0x${offset.toString(16)} 0x${bootloader.environment.size.toString(16)}\n`)
          .join(""),
      ),
    }),
  };
}

/** The built program below `/usr/lib/switchback`, and its command in the path. */
async function agentFiles(folder: string): Promise<SystemFiles> {
  const entry = "switchback.mjs";
  if (!(await exists(join(folder, entry)))) throw new Error(`${folder}/${entry} is missing: npm run build`);
  const names = (await run(["find", ".", "-type", "f", "-printf", "%P\\0"], { cwd: folder })).toString().split("\0");
  const files: Record<string, SystemFile> = {};
  for (const name of names.filter((each) => each !== "" && !each.startsWith("qemu/")).toSorted()) {
    const content = await readFile(join(folder, name));
    files[`usr/lib/switchback/${name}`] = name === entry ? program(content) : { content, mode: 0o644 };
  }
  files["usr/bin/switchback"] = program('#!/bin/sh\nexec node /usr/lib/switchback/switchback.mjs "$@"\n');
  return files;
}
