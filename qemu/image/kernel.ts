import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Board } from "./board.ts";
import { cached } from "./cache.ts";
import { Packages } from "./packages.ts";
import { IMAGE_TIME, run } from "./run.ts";

const INIT = "qemu/guest/initramfs-init";

/** The folder with `zImage`, `initrd.img` and, where the board has a device tree, `board.dtb`. */
export async function buildKernel(board: Board): Promise<string> {
  const { kernel, architecture } = board;
  const images = await new Packages(kernel.suite, architecture).withDependencies([kernel.package], (name) =>
    name.startsWith("linux-image-"),
  );
  const [busybox] = await new Packages(board.rootfs.suite, architecture).withDependencies(
    ["busybox-static"],
    (name) => name === "busybox-static",
  );
  if (busybox === undefined) throw new Error("busybox-static is not to be had");
  const init = await readFile(INIT, "utf8");
  const inputs = [...images, busybox].map(({ sha256 }) => sha256);
  return await cached("kernel", [...inputs, init, JSON.stringify(kernel)], async (folder) => {
    const tree = join(folder, "tree");
    for (const { path } of images) await run(["dpkg-deb", "-x", path, tree]);
    const [image = ""] = (await readdir(join(tree, "boot"))).filter((name) => name.startsWith("vmlinuz-"));
    const version = image.slice("vmlinuz-".length);
    await copyFile(join(tree, "boot", image), join(folder, "zImage"));
    if (kernel.deviceTree !== undefined) {
      const path = join(tree, `usr/lib/linux-image-${version}`, kernel.deviceTree);
      await writeFile(join(folder, "board.dtb"), await withVirtioSlots(path, kernel.virtioSlots));
    }
    await writeFile(join(folder, "initrd.img"), await initramfs(tree, version, kernel.modules, busybox.path, init));
    await run(["rm", "-rf", tree]);
  });
}

async function withVirtioSlots(path: string, slots: Board["kernel"]["virtioSlots"]): Promise<Buffer> {
  if (slots === undefined) return await readFile(path);
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

/** A cpio archive with busybox, the modules in the order in which they are loaded, and the program that loads them. */
async function initramfs(
  tree: string,
  version: string,
  modules: readonly string[],
  busybox: string,
  init: string,
): Promise<Buffer> {
  const root = `${tree}-initramfs`;
  for (const name of ["bin", "dev", "proc", "sys", "newroot", "modules"]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await run(["dpkg-deb", "-x", busybox, `${tree}-busybox`]);
  await copyFile(join(`${tree}-busybox`, "usr/bin/busybox"), join(root, "bin/busybox"));
  await writeFile(join(root, "init"), init);
  await run(["depmod", "-b", tree, version]);
  const files: string[] = [];
  for (const module of modules) {
    const said = (await run(["modprobe", "-d", tree, "-S", version, "--show-depends", module])).toString();
    for (const [, path = ""] of said.matchAll(/^insmod (\S+)/gm)) if (!files.includes(path)) files.push(path);
  }
  for (const [index, path] of files.entries()) {
    await copyFile(path, join(root, "modules", `${String(index).padStart(2, "0")}-${basename(path)}`));
  }
  const names = (await run(["find", ".", "-print0"], { cwd: root })).toString().split("\0").filter(Boolean).toSorted();
  await run(["chmod", "755", "init", "bin/busybox"], { cwd: root });
  await run(["touch", "-h", "-d", `@${IMAGE_TIME}`, ...names], { cwd: root });
  const archive = await run(["cpio", "-o", "-0", "-H", "newc", "-R", "0:0", "--reproducible", "--quiet"], {
    cwd: root,
    stdin: `${names.join("\0")}\0`,
  });
  await run(["rm", "-rf", root, `${tree}-busybox`]);
  return await run(["gzip", "-9n"], { stdin: archive });
}
