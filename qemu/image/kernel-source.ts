import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { BOARDS, type KernelBoard } from "./board.ts";
import { cached } from "./cache.ts";
import type { Packages } from "./packages.ts";
import { IMAGE_TIME, run } from "./run.ts";

/** What decides what comes out here; minutes are too long to compile again for a change elsewhere. */
const BUILDERS = ["qemu/image/kernel-source.ts", "qemu/image/run.ts"];

/** The folder with `zImage` and the device tree of a kernel without modules, compiled out of Debian's source package. */
export async function compileKernel(
  packages: Packages,
  name: string,
  { defconfig, config, crossCompile }: NonNullable<KernelBoard["build"]>,
  deviceTree: string | undefined,
): Promise<string> {
  const [source] = await packages.withDependencies([name], (found) => found === name);
  if (source === undefined) throw new Error(`${name} is not to be had`);
  const fragment = resolve(BOARDS, config);
  const compiler = (await run([`${crossCompile}gcc`, "--version"])).toString();
  const inputs = [source.sha256, defconfig, await readFile(fragment, "utf8"), compiler, deviceTree ?? ""];
  const make = async (folder: string): Promise<void> => {
    const work = resolve(folder, "work");
    const out = join(work, "out");
    await mkdir(out, { recursive: true });
    await run(["dpkg-deb", "-x", source.path, work]);
    const sources = join(work, "usr/src");
    const [archive = ""] = (await readdir(sources)).filter((name) => name.endsWith(".tar.xz"));
    await run(["tar", "-xf", join(sources, archive), "-C", sources]);
    const cwd = join(sources, archive.slice(0, -".tar.xz".length));
    const env = {
      ARCH: "arm",
      CROSS_COMPILE: crossCompile,
      KBUILD_BUILD_TIMESTAMP: `@${IMAGE_TIME}`,
      KBUILD_BUILD_USER: "switchback",
      KBUILD_BUILD_HOST: "switchback",
    };
    const targets = async (...names: string[]): Promise<void> => {
      await run(["make", "-s", `O=${out}`, ...names], { cwd, env });
    };
    await targets(defconfig);
    await run(["scripts/kconfig/merge_config.sh", "-m", "-O", out, join(out, ".config"), fragment], { cwd, env });
    await targets("olddefconfig");
    await targets(`-j${availableParallelism()}`, "zImage", "dtbs");
    const boot = join(out, "arch/arm/boot");
    await copyFile(join(boot, "zImage"), join(folder, "zImage"));
    if (deviceTree !== undefined) await copyFile(join(boot, "dts", deviceTree), join(folder, deviceTree));
    await run(["rm", "-rf", work]);
  };
  return await cached("linux", inputs, make, BUILDERS);
}
