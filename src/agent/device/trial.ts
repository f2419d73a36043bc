import { AgentError } from "../../errors/agent-error.ts";
import { composeBootloader } from "./bootloader.ts";
import type { BootloaderParts } from "./bootloader-parts.ts";

/**
 * Whether the running system is on trial, so that the next boot may start the other slot. Resolves with false if the
 * device has no boot loader for updates, or if the boot loader cannot be read.
 */
export async function runsOnTrial(parts: BootloaderParts): Promise<boolean> {
  const { signal } = new AbortController();
  try {
    const bootloader = composeBootloader(parts);
    const { slot, trial } = await bootloader.plan(signal);
    return trial && (await bootloader.booted(signal)) === slot;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return false;
  }
}
