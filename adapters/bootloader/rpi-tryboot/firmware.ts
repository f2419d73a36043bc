import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Process } from "../../../src/ports/process.ts";

/** How the firmware reports that it started this board. */
export interface FirmwareBoot {
  /** The FAT partition from which it loaded the kernel. */
  readonly partition: number;
  /** Whether it found its tryboot flag set. */
  readonly tryboot: boolean;
}

/** `refused`: a mailbox or its program exists, but the flag may be unchanged. */
export type MailboxAnswer = "taken" | "refused" | "absent";

/** The firmware of the board, as far as the kernel gives programs access to it. */
export interface TrybootFirmware {
  /** `undefined` if the firmware or the kernel does not report it. */
  boot(): Promise<FirmwareBoot | undefined>;
  /**
   * Makes the next start a trial or an ordinary start, whatever causes it. The firmware clears the flag when it starts,
   * and a power cut clears it. A call cannot be cancelled.
   */
  setTryboot(next: boolean): Promise<MailboxAnswer>;
}

const NODE = "/sys/firmware/devicetree/base/chosen/bootloader";
const SET_REBOOT_FLAGS = "0x00038064";
/** The second word of a successful answer. */
const SUCCESS = "0x80000000";
const LIMITS = { timeoutMs: 10_000, maxOutputBytes: 4096 };

/**
 * @param node device-tree folder with the values that the firmware passes to the kernel
 * @see Raspberry Pi documentation, "autoboot.txt" and "/proc/device-tree/chosen/bootloader"
 */
export function createTrybootFirmware(process: Process, node = NODE): TrybootFirmware {
  const cell = async (name: string): Promise<number | undefined> => {
    // ignored: other boards and older firmware have no such node.
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
