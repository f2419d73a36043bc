import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Bootloader } from "../../ports/bootloader.ts";
import type { Finding } from "../../ports/finding.ts";

/** The adapter's findings on its medium, and whether the boot loader's plan matches the running system. */
export async function examineBoot(boot: Bootloader, signal: AbortSignal): Promise<readonly Finding[]> {
  const own = (await boot.diagnose?.(signal)) ?? [];
  // The adapter has already reported a bad medium; a plan read from it adds no information.
  if (own.some(({ level }) => level === "bad")) return own;
  return [...own, ...(await readOnly(boot, signal)), await planOf(boot, signal)];
}

/** On a read-only medium every update is refused: the agent could neither arm nor undo it. */
async function readOnly(boot: Bootloader, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    await boot.expectWritable?.(signal);
    return [];
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "BOOTENV_WRITE") throw error;
    const advice = "Make it writable: remount it, remove the immutable flag (chattr -i), or free space on it.";
    const found = `it cannot be written: ${describeError(error)}`;
    return [{ level: "bad", subject: "storage of the boot environment", found, advice }];
  }
}

async function planOf(boot: Bootloader, signal: AbortSignal): Promise<Finding> {
  const { slot, trial } = await boot.plan(signal);
  const running = await boot.booted(signal);
  // The name identifies the board if the configuration names no boot loader.
  const subject = `plan of the boot loader (${boot.kind})`;
  if (!trial && slot === running) {
    return { level: "good", subject, found: `the next start boots slot ${slot}, which runs now` };
  }
  const advice = "Reboot if an update has been installed; then commit it, or roll it back.";
  const found = `the next start boots slot ${slot}${trial ? " on trial" : ""}, while slot ${running} runs`;
  return { level: trial ? "note" : "bad", subject, found, advice };
}
