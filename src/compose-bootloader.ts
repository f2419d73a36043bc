import { createBootedSlot } from "../adapters/bootloader/booted-slot.ts";
import { boardPaths, bootedOnBoard } from "../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv } from "../adapters/bootloader/fake/file-env.ts";
import { createMenderEnvBootloader } from "../adapters/bootloader/mender-env.ts";
import { slotPartitions } from "../adapters/bootloader/partition-number.ts";
import { normalizeSlotPath } from "../adapters/bootloader/slot-path.ts";
import { createFwEnv, fwEnvTools } from "../adapters/bootloader/uboot/fw-env.ts";
import type { Config } from "./config/config.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Bootloader, SlotId } from "./ports/bootloader.ts";
import type { Process } from "./ports/process.ts";

/** Storage of the two slots. @throws {AgentError} CONFIG_INVALID when the configuration does not name both */
export function composeSlots({ rootfsPartA: A, rootfsPartB: B }: Config): Readonly<Record<SlotId, string>> {
  if (A === undefined || B === undefined || A === B) {
    throw new AgentError("CONFIG_INVALID", { reason: "RootfsPartA and RootfsPartB must name two different devices" });
  }
  return { A, B };
}

/** The boot loader that the configuration names. @throws {AgentError} CONFIG_INVALID */
export function composeBootloader(config: Config, processes: Process): Bootloader {
  return BOOTLOADERS[config.switchback.bootloader](config, processes);
}

const BOOTLOADERS: Readonly<Record<Config["switchback"]["bootloader"], (c: Config, processes: Process) => Bootloader>> =
  {
    uboot(config, processes) {
      const slots = composeSlots(config);
      return createMenderEnvBootloader({
        kind: "uboot",
        env: createFwEnv(processes, fwEnvTools(config.switchback.fwEnvConfig)),
        partitions: slotPartitions(normalizeSlotPath(slots.A), normalizeSlotPath(slots.B)),
        booted: createBootedSlot({ slots }),
      });
    },
    fake(config) {
      const { board } = config.switchback;
      if (board === undefined)
        throw new AgentError("CONFIG_INVALID", { reason: "Switchback.Board must name the board's folder" });
      const slots = composeSlots(config);
      return createMenderEnvBootloader({
        kind: "fake",
        env: createFileEnv(boardPaths(board).env),
        partitions: slotPartitions(slots.A, slots.B),
        booted: bootedOnBoard(board),
      });
    },
  };
