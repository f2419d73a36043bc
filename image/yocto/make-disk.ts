import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { parseImageBoard } from "../board/load.ts";
import { type CreatedImage, createImage, type ImageInputs } from "../create.ts";
import { agentShare } from "./agent-share.ts";
import { type BoardFiles, boardOf, boardText } from "./board.ts";
import { environmentPlace } from "./environment-place.ts";
import { sizeOf } from "./file-size.ts";
import { numberOf, wrong } from "./numbers.ts";
import { partitionsOf } from "./partitions.ts";
import { valueIn } from "./read-variables.ts";
import type { DiskLabel, Settings } from "./settings.ts";
import { checkRootfs } from "./slot-size.ts";
import { uBootText } from "./u-boot.ts";

export interface DiskInputs extends Pick<ImageInputs, "bootstrap" | "onWrite" | "time"> {
  /** Image of the root filesystem, for slot A. */
  readonly rootfs: string;
  readonly output: string;
  readonly data?: string | undefined;
  readonly boot?: string | undefined;
  readonly bootloader?: string | undefined;
  /** Text of U-Boot's default environment. */
  readonly initial?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Makes the image of a disk.
 *
 * @throws {AgentError} YOCTO_VARIABLE, YOCTO_VARIABLE_MISSING, YOCTO_SPACE, YOCTO_ROOTFS_SPACE, and those of `createImage`
 */
export async function makeDisk(settings: Settings, label: DiskLabel, inputs: DiskInputs): Promise<CreatedImage> {
  const { rootfs, output, bootstrap, onWrite, time, signal } = inputs;
  const own = { ...settings, label };
  const rootfsBytes = await sizeOf(rootfs);
  await checkRootfs(own, rootfsBytes, () => agentShare(rootfs, signal));
  if (settings.bootloader === "u-boot" && inputs.bootloader !== undefined)
    await checkBootloader(own, inputs.bootloader);
  // Beside the output, because the folder of temporary files can be on another medium.
  const work = await mkdtemp(join(dirname(resolve(output)), ".switchback-yocto-")).catch((cause: unknown) => {
    throw new AgentError("OUTPUT_FAILED", { path: output }, cause);
  });
  try {
    const file = join(work, "board.yaml");
    const environment = join(work, "environment.txt");
    if (settings.bootloader === "u-boot")
      await writeFile(environment, uBootText(own, partitionsOf(own, label), inputs.initial));
    const board = parseImageBoard(boardText(boardOf(own, label, filesOf(inputs, environment))), file);
    return await createImage(board, { rootfs, output, bootstrap, time, signal, ...(onWrite && { onWrite }) });
  } catch (error) {
    throw namingVariable(settings, error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The variable that makes room, by the place that is too small. */
const ROOM: readonly (readonly [place: RegExp, variable: string])[] = [
  [/^boot$/, "MENDER_BOOT_PART_SIZE_MB"],
  [/^data$/, "MENDER_DATA_PART_SIZE_MB"],
  [/environment\.txt$/, "BOOTENV_SIZE"],
];

function namingVariable({ variables }: Settings, error: unknown): unknown {
  if (!(error instanceof AgentError)) return error;
  // mcopy is what fails if the boot partition is too small for its files.
  const place =
    error.code === "IMAGE_SPACE" ? String(error.detail["place"]) : error.detail["program"] === "mcopy" ? "boot" : "";
  const [, variable = RESERVED] = ROOM.find(([pattern]) => pattern.test(place)) ?? [];
  if (place === "") return error;
  return new AgentError("YOCTO_VARIABLE", { variable, value: valueIn(variables, variable) ?? "" }, error);
}

const RESERVED = "MENDER_RESERVED_SPACE_BOOTLOADER_DATA";

/** What a disk lacks to start, although it can be made. */
export function diskWarnings(
  { bootloader }: Settings,
  boot: string | undefined,
  hasInitial: boolean,
): readonly string[] {
  if (bootloader === "u-boot" && !hasInitial) {
    return ["U-Boot's environment lacks the variables of the board: give its default environment with --environment"];
  }
  const names = bootloader === "grub" && boot !== undefined ? programsIn(join(boot, "EFI/BOOT")) : [];
  if (bootloader !== "grub" || names.length > 0) return [];
  return [
    "the boot partition has no EFI/BOOT/boot*.efi, so the firmware finds no GRUB: add it to the files of --boot-files",
  ];
}

function programsIn(folder: string): readonly string[] {
  // ignored: a folder that is missing has no program.
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => /^boot\w+\.efi$/i.test(name));
}

function filesOf({ boot, data, bootloader }: DiskInputs, environment: string): BoardFiles {
  const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));
  const hasScript = boot !== undefined && existsSync(join(boot, "EFI/BOOT/grub.cfg"));
  return { environment, boot: absolute(boot), data: absolute(data), bootloader: absolute(bootloader), hasScript };
}

/** The boot loader must not reach the environment. */
async function checkBootloader(settings: Settings, path: string): Promise<void> {
  const { offsets, isOnDisk } = environmentPlace(settings);
  const start = (numberOf(settings.variables, "MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET") ?? 0) * 512;
  const end = start + (await sizeOf(path));
  const next = offsets.toSorted((one, two) => one - two).find((offset) => offset >= start);
  if (!isOnDisk || next === undefined || end <= next) return;
  const reason = `${path} ends at byte ${end}, after the start of the environment`;
  throw wrong("MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET", next, reason);
}
