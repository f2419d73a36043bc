import { createBootedSlot } from "../../../adapters/bootloader/booted-slot.ts";
import { boardPaths, bootedOnBoard } from "../../../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv } from "../../../adapters/bootloader/fake/file-env.ts";
import { GRUB_ENV_TOOLS } from "../../../adapters/bootloader/grub/grub-env-tools.ts";
import { createMenderEnvBootloader } from "../../../adapters/bootloader/mender-env.ts";
import { normalizeSlotPath } from "../../../adapters/bootloader/slot-path.ts";
import { slotPartitions } from "../../../adapters/linux/partition-number.ts";
import type { Config } from "../../config/config.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { BootEnv } from "../../ports/boot-env.ts";
import type { Bootloader } from "../../ports/bootloader.ts";
import { isInPath } from "../../util/is-in-path.ts";
import { lazy } from "../../util/lazy.ts";
import { type BootloaderParts, composeSlots } from "./bootloader-parts.ts";

/** The boot loader that the configuration names. @throws {AgentError} CONFIG_INVALID */
export function composeBootloader(parts: BootloaderParts): Bootloader {
  return BOOTLOADERS[parts.config.switchback.bootloader ?? unnamedBootloader(parts.config)](parts);
}

/** Prefers GRUB if its tools exist: the reference clients use this order, and images for GRUB name no boot loader. */
function unnamedBootloader({ switchback }: Config): "grub" | "uboot" {
  return switchback.fwEnvConfig === undefined && isInPath(GRUB_ENV_TOOLS.printArgv[0]) ? "grub" : "uboot";
}

/** The methods of a boot loader that read or change its medium. */
const METHODS = ["plan", "arm", "confirm", "revert", "rebootArgument", "expectWritable", "diagnose"] as const;

/**
 * What each name in `Switchback.Bootloader` stands for. An entry checks the configuration at once. It loads the
 * mechanism and reads the board only at the first call of the boot loader.
 */
const BOOTLOADERS: Readonly<
  Record<NonNullable<Config["switchback"]["bootloader"]>, (parts: BootloaderParts) => Bootloader>
> = {
  uboot: (parts) => menderEnv("uboot", parts, async () => (await import("./boot-env.ts")).composeUbootEnv(parts)),
  grub: (parts) => menderEnv("grub", parts, async () => (await import("./boot-env.ts")).composeGrubEnv(parts)),
  "systemd-boot": (parts) => bootFiles("systemd-boot", parts),
  "rpi-tryboot": (parts) => bootFiles("rpi-tryboot", parts),
  fake: composeFake,
  adapter: composeAdapter,
};

/** A boot loader that reads the variables of Mender's integrations, with slots on devices that the kernel knows. */
function menderEnv(kind: string, { config, log }: BootloaderParts, load: () => Promise<BootEnv>): Bootloader {
  const slots = composeSlots(config);
  return createMenderEnvBootloader({
    kind,
    env: lazy(load, ["read", "write", "expectWritable", "diagnose"]),
    partitions: slotPartitions(normalizeSlotPath(slots.A), normalizeSlotPath(slots.B)),
    booted: createBootedSlot({ slots, log }),
    leavesCanary: kind !== "grub",
  });
}

/** A boot loader that reads files on its own partition. */
function bootFiles(kind: "systemd-boot" | "rpi-tryboot", { config, host, log }: BootloaderParts): Bootloader {
  const { bootFolder, bootPartitions } = config.switchback;
  const booted = createBootedSlot({ slots: composeSlots(config), log });
  if (bootFolder === undefined) {
    throw new AgentError("CONFIG_INVALID", { reason: `Switchback.BootFolder must name the folder of ${kind}'s files` });
  }
  if (kind === "rpi-tryboot" && (bootPartitions === undefined || bootPartitions.A === bootPartitions.B)) {
    throw new AgentError("CONFIG_INVALID", {
      reason: "Switchback.BootPartitionA and BootPartitionB must be the numbers of two different partitions",
    });
  }
  const parts = { bootFolder, bootPartitions, booted, host };
  const load = async (): Promise<Bootloader> => (await import("./boot-files.ts")).composeBootFiles(kind, parts);
  return { kind, booted, ...lazy(load, METHODS) };
}

function composeFake({ config, host }: BootloaderParts): Bootloader {
  const { board } = config.switchback;
  if (board === undefined)
    throw new AgentError("CONFIG_INVALID", { reason: "Switchback.Board must name the board's folder" });
  const slots = composeSlots(config);
  const booted = bootedOnBoard(board);
  const boot = createMenderEnvBootloader({
    kind: "fake",
    env: createFileEnv(boardPaths(board).env, host.files),
    partitions: slotPartitions(slots.A, slots.B),
    booted,
  });
  return {
    ...boot,
    async plan(signal) {
      try {
        return await boot.plan(signal);
      } catch (error) {
        // A board that was never on has no canary either. The error of `booted` gives the useful advice.
        await booted(signal);
        throw error;
      }
    },
  };
}

/** The board's own adapter. Even its code is loaded only at the first call. */
function composeAdapter(parts: BootloaderParts): Bootloader {
  const slots = composeSlots(parts.config);
  const load = async (): Promise<Bootloader> => (await import("./adapter.ts")).loadBootloader({ ...parts, slots });
  return { kind: "adapter", ...lazy(load, ["booted", ...METHODS]) };
}
