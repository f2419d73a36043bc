import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { cached } from "../../image/cache.ts";
import { IMAGE_TIME, run } from "../../image/run.ts";
import type { Board } from "./board.ts";
import { BOARD_BUILDERS } from "./builders.ts";
import { compileKernel } from "./kernel-source.ts";
import { Packages } from "./packages.ts";

const INIT = "qemu/guest/initramfs-init";

/** The parts that a kernel of either kind provides. */
interface Kernel {
  readonly image: string;
  /** Folder of the device trees. */
  readonly deviceTrees: string;
  /** Files in the order of loading. */
  readonly modules: readonly string[];
}

/** A ready kernel, and how to lay it out in `work`. */
interface KernelSource {
  readonly inputs: readonly string[];
  prepare(work: string): Promise<Kernel>;
}

/**
 * The folder with `zImage`, with `initrd.img` if there are modules to load, and with `board.dtb` if there is a device
 * tree.
 */
export async function buildKernel(board: Board): Promise<string> {
  const { kernel, architecture, deviceTree } = board;
  const source = kernel.kind === "compiled" ? await compiled(board, kernel) : await packaged(board, kernel);
  const [busybox] = await new Packages(board.rootfs.suite, architecture).withDependencies(
    ["busybox-static"],
    (name) => name === "busybox-static",
  );
  if (busybox === undefined) throw new Error("busybox-static is not to be had");
  const init = await readFile(INIT, "utf8");
  const inputs = [...source.inputs, busybox.sha256, init, JSON.stringify([kernel, deviceTree])];
  return await cached("kernel", inputs, BOARD_BUILDERS, async (folder) => {
    const work = resolve(folder, "work");
    await mkdir(work);
    const { image, deviceTrees, modules } = await source.prepare(work);
    await copyFile(image, join(folder, "zImage"));
    if (deviceTree !== undefined) {
      const described = await withVirtioSlots(join(deviceTrees, deviceTree.file), deviceTree.virtioSlots);
      await writeFile(join(folder, "board.dtb"), described);
    }
    if (modules.length > 0) {
      await writeFile(join(folder, "initrd.img"), await initramfs(work, modules, busybox.path, init));
    }
    await run(["rm", "-rf", work]);
  });
}

type KernelOf<Kind> = Board["kernel"] & { readonly kind: Kind };

async function compiled({ deviceTree }: Board, kernel: KernelOf<"compiled">): Promise<KernelSource> {
  if (deviceTree === undefined) throw new Error(`${kernel.package}: only boards with a device tree are compiled for`);
  const folder = await compileKernel(kernel, deviceTree.file);
  const prepare = (): Promise<Kernel> =>
    Promise.resolve({ image: join(folder, "zImage"), deviceTrees: folder, modules: [] });
  return { inputs: [folder], prepare };
}

/** Debian's kernel, unpacked into `work`. */
async function packaged({ architecture }: Board, kernel: KernelOf<"packaged">): Promise<KernelSource> {
  const packages = await new Packages(kernel.suite, architecture).withDependencies([kernel.package], (name) =>
    name.startsWith("linux-image-"),
  );
  const prepare = async (work: string): Promise<Kernel> => {
    for (const { path } of packages) await run(["dpkg-deb", "-x", path, work]);
    const [image = ""] = (await readdir(join(work, "boot"))).filter((name) => name.startsWith("vmlinuz-"));
    const version = image.slice("vmlinuz-".length);
    await run(["depmod", "-b", work, version]);
    const modules: string[] = [];
    for (const module of kernel.modules) {
      const said = (await run(["modprobe", "-d", work, "-S", version, "--show-depends", module])).toString();
      for (const [, path = ""] of said.matchAll(/^insmod (\S+)/gm)) if (!modules.includes(path)) modules.push(path);
    }
    return { image: join(work, "boot", image), deviceTrees: join(work, `usr/lib/linux-image-${version}`), modules };
  };
  return { inputs: packages.map(({ sha256 }) => sha256), prepare };
}

type VirtioSlots = NonNullable<Board["deviceTree"]>["virtioSlots"];

async function withVirtioSlots(path: string, slots: VirtioSlots): Promise<Buffer> {
  const source = (await run(["dtc", "-q", "-I", "dtb", "-O", "dts", path])).toString();
  const nodes = Array.from({ length: slots.count }, (_, slot) => {
    const address = (slots.base + slot * slots.step).toString(16);
    const size = slots.step.toString(16);
    const interrupt = `interrupts = <0 ${slots.interrupt + slot} 1>;`;
    return `virtio_mmio@${address} { compatible = "virtio,mmio"; reg = <0x${address} 0x${size}>; ${interrupt} };`;
  });
  const stdin = `${source}\n/ { ${nodes.join(" ")} };\n`;
  return await run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-"], { stdin });
}

/** A cpio archive with busybox, the modules in the order of loading, and the program that loads them. */
async function initramfs(work: string, modules: readonly string[], busybox: string, init: string): Promise<Buffer> {
  const root = join(work, "initramfs");
  for (const name of ["bin", "dev", "proc", "sys", "newroot", "modules"]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await run(["dpkg-deb", "-x", busybox, join(work, "busybox")]);
  await copyFile(join(work, "busybox/usr/bin/busybox"), join(root, "bin/busybox"));
  await writeFile(join(root, "init"), init);
  for (const [index, path] of modules.entries()) {
    await copyFile(path, join(root, "modules", `${String(index).padStart(2, "0")}-${basename(path)}`));
  }
  const names = (await run(["find", ".", "-print0"], { cwd: root })).toString().split("\0").filter(Boolean).toSorted();
  await run(["chmod", "755", "init", "bin/busybox"], { cwd: root });
  await run(["touch", "-h", "-d", `@${IMAGE_TIME}`, ...names], { cwd: root });
  const archive = await run(["cpio", "-o", "-0", "-H", "newc", "-R", "0:0", "--reproducible", "--quiet"], {
    cwd: root,
    stdin: `${names.join("\0")}\0`,
  });
  return await run(["gzip", "-9n"], { stdin: archive });
}
