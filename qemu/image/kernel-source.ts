import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { cached } from "../../image/cache.ts";
import { IMAGE_TIME, run } from "../../image/run.ts";
import { BOARDS, type CompiledKernelBoard } from "./board.ts";
import { Packages } from "./packages.ts";

/** The sources that determine the result. Changes elsewhere must not cause another compilation, which takes minutes. */
const BUILDERS = ["qemu/image/kernel-source.ts", "image/run.ts"];

/**
 * Compiles a kernel without modules from Debian's source package.
 *
 * @returns the folder with `zImage` and `deviceTree`
 */
export async function compileKernel(kernel: CompiledKernelBoard, deviceTree: string): Promise<string> {
  const { suite, package: name, crossCompile } = kernel;
  const [source] = await new Packages(suite, "armhf").withDependencies([name], (found) => found === name);
  if (source === undefined) throw new Error(`${name} is not to be had`);
  const config = resolve(BOARDS, kernel.config);
  const compiler = (await run([`${crossCompile}gcc`, "--version"])).toString();
  const inputs = [source.sha256, await readFile(config, "utf8"), compiler, deviceTree];
  const build = async (folder: string): Promise<void> => {
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
      KCONFIG_ALLCONFIG: config,
      KBUILD_BUILD_TIMESTAMP: `@${IMAGE_TIME}`,
      KBUILD_BUILD_USER: "switchback",
      KBUILD_BUILD_HOST: "switchback",
    };
    const make = async (...targets: string[]): Promise<void> => {
      await run(["make", "-s", `O=${out}`, ...targets], { cwd, env });
    };
    await make("allnoconfig");
    await checkTaken(config, join(out, ".config"));
    await make(`-j${availableParallelism()}`, "zImage", deviceTree);
    const boot = join(out, "arch/arm/boot");
    await copyFile(join(boot, "zImage"), join(folder, "zImage"));
    await copyFile(join(boot, "dts", deviceTree), join(folder, deviceTree));
    await run(["rm", "-rf", work]);
  };
  return await cached("linux", inputs, BUILDERS, build);
}

/** @throws {Error} if the kernel does not know a requested option, or the option depends on a disabled one */
async function checkTaken(asked: string, taken: string): Promise<void> {
  const is = new Set((await readFile(taken, "utf8")).split("\n"));
  const missing = (await readFile(asked, "utf8")).split("\n").filter((line) => /^CONFIG_/.test(line) && !is.has(line));
  if (missing.length > 0) throw new Error(`${asked}: the kernel does not take ${missing.join(", ")}`);
}
