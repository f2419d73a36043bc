import { readFile } from "node:fs/promises";
import { expectClean, lineOf } from "./bitbake.ts";
import { ask, expectText } from "./built.ts";
import type { Workspace } from "./workspace.ts";

/** Runs the tasks of OE-Core's recipe of U-Boot that need no target libraries, with the layer's append. */
export async function* stageUBoot(workspace: Workspace): AsyncGenerator<string> {
  const { uBoot, places } = workspace;
  if (places.uBoot === undefined) {
    yield "skipped, because --u-boot is missing";
    return;
  }
  // The check of the layer runs after do_configure and stops the build if something differs.
  const { output } = await expectClean(workspace, uBoot, ["bitbake", "-c", "configure", "u-boot"]);
  yield `configured: ${lineOf(output, "NOTE: Tasks Summary").slice(6)}`;
  const [config = ""] = (await ask("find", uBoot, "-path", "*/u-boot/*/build/.config")).split("\n");
  const text = await readFile(config, "utf8");
  expectText(
    config,
    text,
    "CONFIG_ENV_IS_IN_MMC=y\n",
    "# CONFIG_ENV_IS_IN_FLASH is not set\n",
    "CONFIG_BOOTCOUNT_ENV=y\n",
  );
  const wanted = text.split("\n").filter((line) => /^CONFIG_(?:ENV_OFFSET|ENV_OFFSET_REDUND|ENV_SIZE)=/.test(line));
  yield `U-Boot for vexpress-qemu has ${wanted.join(", ")}`;
}
