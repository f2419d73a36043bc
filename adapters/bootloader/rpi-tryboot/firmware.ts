import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Process } from "../../../src/ports/process.ts";

/** What the firmware says that it did at the start of this board. */
export interface FirmwareBoot {
  /** The FAT partition that it loaded the kernel from. */
  readonly partition: number;
  /** It found its tryboot flag set. */
  readonly tryboot: boolean;
}

/** `refused`: there is a mailbox, or at least a program for it, and the flag may still be what it was. */
export type MailboxAnswer = "taken" | "refused" | "absent";

/** The firmware of the board itself, as far as the kernel lets a program ask it. */
export interface TrybootFirmware {
  /** `undefined` where the firmware, or the kernel, does not say. */
  boot(): Promise<FirmwareBoot | undefined>;
  /**
   * Makes the next start a trial or not, whatever causes it. The firmware clears the flag when it starts, and it is
   * lost with the power. What has begun cannot be cancelled.
   */
  setTryboot(next: boolean): Promise<MailboxAnswer>;
}

const NODE = "/sys/firmware/devicetree/base/chosen/bootloader";
const SET_REBOOT_FLAGS = "0x00038064";
/** The second word of an answer. */
const SUCCESS = "0x80000000";
const LIMITS = { timeoutMs: 10_000, maxOutputBytes: 4096 };

/**
 * @param node folder of what the firmware passes to the kernel
 * @see Raspberry Pi documentation, "autoboot.txt" and "/proc/device-tree/chosen/bootloader"
 */
export function createTrybootFirmware(process: Process, node = NODE): TrybootFirmware {
  const cell = async (name: string): Promise<number | undefined> => {
    // ignored: other boards, and older firmware, have no such node.
    const bytes = await readFile(join(node, name)).catch(() => undefined);
    return bytes?.length === 4 ? bytes.readUInt32BE() : undefined;
  };
  return {
    async boot() {
      const partition = await cell("partition");
      const tryboot = await cell("tryboot");
      return partition === undefined || tryboot === undefined ? undefined : { partition, tryboot: tryboot !== 0 };
    },
    async setTryboot(next) {
      const argv = ["vcmailbox", SET_REBOOT_FLAGS, "4", "0", next ? "1" : "0"] as const;
      try {
        const { exitCode, stdout } = await process.run(argv, LIMITS, new AbortController().signal);
        return exitCode === 0 && stdout.trim().split(/\s+/)[1] === SUCCESS ? "taken" : "refused";
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return error.code === "PROCESS_MISSING" ? "absent" : "refused";
      }
    },
  };
}
