import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { cached } from "../../image/cache.ts";
import { run } from "../../image/run.ts";
import { BOARDS, type UBootBoard } from "./board.ts";
import { Packages } from "./packages.ts";

/** The sources that determine the result. */
const BUILDERS = ["qemu/image/u-boot.ts", "image/run.ts"];

/**
 * Builds U-Boot from Debian's source package.
 *
 * @param variables file with its default environment
 * @returns the folder with `u-boot`, the ELF file that QEMU loads at each reset
 */
export async function buildUBoot(board: UBootBoard, variables = "u-boot-env.txt"): Promise<string> {
  const source = await new Packages(board.suite, "armhf").source(board.source);
  const fragment = await readFile(join(BOARDS, board.config), "utf8");
  const environment = await readFile(join(BOARDS, variables), "utf8");
  const compiler = (await run([`${board.crossCompile}gcc`, "--version"])).toString().split("\n")[0] ?? "";
  const inputs = [...source.map(({ sha256 }) => sha256), board.defconfig, fragment, environment, compiler];
  const build = async (folder: string): Promise<void> => {
    const description = source.find(({ path }) => path.endsWith(".dsc"))?.path ?? "";
    const work = resolve(folder, "work");
    const [tree, out] = [join(work, "source"), join(work, "out")];
    await mkdir(out, { recursive: true });
    await run(["dpkg-source", "--no-check", "-x", description, tree]);
    await writeFile(join(out, "default-env.txt"), environment);
    await writeFile(join(out, "fragment"), `${fragment}CONFIG_DEFAULT_ENV_FILE="${join(out, "default-env.txt")}"\n`);
    const env = { CROSS_COMPILE: board.crossCompile, ARCH: "arm", KCONFIG_CONFIG: join(out, ".config") };
    const make = async (...targets: string[]): Promise<void> => {
      await run(["make", "-s", `O=${out}`, ...targets], { cwd: tree, env });
    };
    await make(board.defconfig);
    const merge = [
      "scripts/kconfig/merge_config.sh",
      "-m",
      "-O",
      out,
      join(out, ".config"),
      join(out, "fragment"),
    ] as const;
    await run(merge, { cwd: tree, env });
    await make("olddefconfig");
    await make(`-j${availableParallelism()}`);
    for (const name of ["u-boot", "u-boot.bin"]) await copyFile(join(out, name), join(folder, name));
    await run(["rm", "-rf", work]);
  };
  return await cached("u-boot", inputs, BUILDERS, build);
}
