import { AgentError } from "../../src/errors/agent-error.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Power } from "../../src/ports/power.ts";
import type { Process } from "../../src/ports/process.ts";

export interface SystemPowerOptions {
  readonly process: Process;
  readonly clock: Clock;
  /** The program that reboots the device, and its arguments. */
  readonly argv?: readonly [string, ...string[]];
  /** Time limit for the program, and again for the device to go down. */
  readonly allowedMs?: number;
}

const TEN_MINUTES_MS = 10 * 60 * 1000;
const MAX_OUTPUT_BYTES = 4 * 1024;

/**
 * Reboots with the system's `reboot`. That program only asks the init system and returns, so this waits to be killed.
 * If this process is still alive after `allowedMs`, the reboot has failed.
 */
export function createSystemPower(options: SystemPowerOptions): Power {
  const { process, clock, argv = ["reboot"], allowedMs = TEN_MINUTES_MS } = options;
  return {
    async reboot(argument, signal) {
      const command = argument === undefined ? argv : ([...argv, argument] as const);
      const program = command.join(" ");
      const limits = { timeoutMs: allowedMs, maxOutputBytes: MAX_OUTPUT_BYTES };
      const result = await process.run(command, limits, signal).catch((cause: unknown) => {
        signal.throwIfAborted();
        throw new AgentError("REBOOT_FAILED", { program }, cause);
      });
      // Without a status, a signal ended the program, as happens on a device that is going down.
      if (result.exitCode !== undefined && result.exitCode !== 0) {
        throw new AgentError("REBOOT_FAILED", { program, status: result.exitCode, stderr: result.stderr.trim() });
      }
      await clock.sleep(allowedMs, signal);
      throw new AgentError("REBOOT_FAILED", { program, waitedMs: allowedMs });
    },
  };
}
