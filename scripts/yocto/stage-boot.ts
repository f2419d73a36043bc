import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectClean, lineOf } from "./bitbake.ts";
import { writeBootable } from "./bootable.ts";
import { ask } from "./built.ts";
import { clear, deployed, type Lines, type Workspace, withSettings } from "./workspace.ts";

const IMAGE = "switchback-example-image";
const MACHINE = "qemux86-64";

/**
 * Builds images whose root filesystem runs: BitBake's own tasks make the disks of a first release, and the Artifact of a
 * second one. They stay in the work folder, for `switchback-qemu`.
 */
export async function* stageBoot(workspace: Workspace): AsyncGenerator<string> {
  const { boot, places } = workspace;
  // BitBake does not see that the content of the tree has changed.
  await clear(boot);
  const [files, results] = [join(places.work, "boot-files"), join(places.work, "bootable")];
  await writeBootable(files);
  const fragment = join(files, "http.json");
  await writeFile(fragment, JSON.stringify({ Switchback: { AllowPlainHttp: true } }));
  await mkdir(results, { recursive: true });
  const keep = async (type: string, name: string): Promise<void> =>
    copyFile(join(await deployed(boot, MACHINE), `${IMAGE}-${MACHINE}.rootfs.${type}`), join(results, name));

  await withSettings(boot, settingsFor("release-1", files, fragment));
  const { output } = await expectClean(workspace, boot, ["bitbake", IMAGE]);
  yield `built a root filesystem that runs: ${lineOf(output, "NOTE: Tasks Summary").replace("NOTE: ", "")}`;
  for (const kind of ["sdimg", "gptimg"]) {
    await keep(kind, `release-1.${kind}`);
    const board = ["yocto", "board", "--kind", kind, "--variables", await variablesFile(boot)];
    await writeFile(join(results, `${kind}.yaml`), await ask(process.execPath, "dist/switchback.mjs", ...board));
  }

  await withSettings(boot, settingsFor("release-2", files, fragment));
  await expectClean(workspace, boot, ["bitbake", IMAGE]);
  await keep("mender", "release-2.mender");
  yield `to boot them: switchback-qemu test ${results}/release-1.sdimg --board ${results}/sdimg.yaml --artifact ${results}/release-2.mender`;
}

/** The variables that the class gave to `switchback yocto`. */
async function variablesFile(build: string): Promise<string> {
  const found = await ask("find", build, "-path", `*/${IMAGE}/*/switchback/variables.json`);
  return found.split("\n")[0] ?? "";
}

const settingsFor = (release: string, files: string, fragment: string): Lines => ({
  "INHERIT +=": "switchback-full",
  "MENDER_FEATURES_ENABLE:append": " mender-image-sd",
  // The harness logs in as root, without a password.
  "IMAGE_FEATURES:append": " allow-empty-password empty-root-password allow-root-login",
  MENDER_ARTIFACT_NAME: release,
  MENDER_STORAGE_DEVICE: "/dev/nvme0n1",
  MENDER_STORAGE_TOTAL_SIZE_MB: "512",
  MENDER_BOOT_PART_SIZE_MB: "32",
  MENDER_DATA_PART_SIZE_MB: "64",
  SWITCHBACK_ARTIFACT_COMPRESSION: "none",
  SWITCHBACK_CONFIGURATION_FRAGMENTS: fragment,
  KERNEL_IMAGETYPE: "bzImage",
  SERIAL_CONSOLES: "115200;ttyS0",
  STUB_SYSTEM: join(files, "root"),
  STUB_KERNEL: join(files, "root/boot/bzImage"),
  STUB_BASE: "board-system",
});
