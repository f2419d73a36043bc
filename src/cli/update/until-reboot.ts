import type { CliIo } from "../../agent/io.ts";

/**
 * Stops `work` if the device needs a reboot that the agent must leave to others. Then prints a message and sets the exit
 * status to 4.
 */
export async function untilReboot(
  io: CliIo,
  work: (signal: AbortSignal, leave: (argument: string | undefined) => void) => Promise<void>,
): Promise<void> {
  const left = new AbortController();
  let needed: { readonly argument: string | undefined } | undefined;
  try {
    await work(AbortSignal.any([io.signal, left.signal]), (argument) => {
      needed = { argument };
      left.abort();
    });
  } catch (error) {
    if (needed === undefined || io.signal.aborted) throw error;
  }
  if (needed === undefined) return;
  const how = needed.argument === undefined ? "" : ` As in: reboot "${needed.argument}"`;
  io.out(`At least one payload requested a reboot of the device it updated.${how}`);
  io.exitCode = 4;
}
