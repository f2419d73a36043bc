import { AgentError } from "../../src/errors/agent-error.ts";
import type { BootEnv } from "../../src/ports/boot-env.ts";
import type { Bootloader, BootPlan, SlotId } from "../../src/ports/bootloader.ts";
import type { Finding } from "../../src/ports/finding.ts";
import { type SlotPartitions, slotOfNumber } from "../linux/partition-number.ts";

const PART = "mender_boot_part";
const PART_HEX = "mender_boot_part_hex";
const TRIAL = "upgrade_available";
const COUNT = "bootcount";
const CHECK_CANARY = "mender_check_saveenv_canary";
const CANARY = "mender_saveenv_canary";

export interface MenderEnvOptions {
  readonly kind: string;
  readonly env: BootEnv;
  readonly partitions: SlotPartitions;
  /** The slot of the running kernel; asks the system, not `env`. */
  readonly booted: (signal: AbortSignal) => Promise<SlotId>;
  /** `false` for a boot loader without a script that could leave a canary. Default: `true`. */
  readonly leavesCanary?: boolean;
}

/**
 * The boot variables that Mender's board integrations share, independent of their storage. Each mutation is one batch,
 * so a power cut leaves the old plan or the new one. The variables and values match the Go client's: upper-case
 * hexadecimal, only `arm` resets `bootcount`, and `confirm` is a single write.
 *
 * @see Mender board integration, "Client operations on the boot environment"
 */
export function createMenderEnvBootloader(options: MenderEnvOptions): Bootloader {
  const { kind, env, partitions, booted, leavesCanary = true } = options;
  /** Set once `plan` has accepted the environment as the boot loader's. It does not move while this process runs. */
  let isAccepted = false;
  const plan = async (signal: AbortSignal): Promise<BootPlan> => {
    const found = await env.read([PART, TRIAL, CHECK_CANARY, CANARY], signal);
    if (found.get(CHECK_CANARY) === "1" && found.get(CANARY) !== "1") {
      throw new AgentError("BOOTENV_CANARY", { bootloader: kind });
    }
    const part = found.get(PART) ?? "";
    const slot = slotOfNumber(part, partitions);
    if (slot === undefined) throw new AgentError("SLOT_UNKNOWN", { bootloader: kind, [PART]: part, ...partitions });
    isAccepted = true;
    return { slot, trial: found.get(TRIAL) === "1" };
  };

  const write = async (pairs: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> => {
    // The boot loader does not read an environment that `plan` rejects: a write to it would have no effect.
    if (!isAccepted) await plan(signal);
    await env.write(new Map(Object.entries(pairs)), signal);
  };

  const pointTo = (slot: SlotId): Record<string, string> => ({
    [PART]: String(partitions[slot]),
    [PART_HEX]: partitions[slot].toString(16).toUpperCase(),
  });

  return {
    kind,
    booted,
    plan,
    arm: (slot, signal) => write({ ...pointTo(slot), [TRIAL]: "1", [COUNT]: "0" }, signal),
    confirm: (signal) => write({ [TRIAL]: "0" }, signal),
    revert: (slot, signal) => write({ ...pointTo(slot), [TRIAL]: "0" }, signal),
    expectWritable: async (signal) => await env.expectWritable?.(signal),
    async diagnose(signal) {
      const own = (await env.diagnose?.(signal)) ?? [];
      // An invalid environment cannot be read.
      if (own.some(({ level }) => level === "bad")) return own;
      const canary = await env.read([CHECK_CANARY, CANARY], signal);
      return leavesCanary || canary.get(CHECK_CANARY) === "1" ? [...own, canaryFinding(canary)] : own;
    },
  };
}

function canaryFinding(found: ReadonlyMap<string, string>): Finding {
  const subject = "canary";
  if (found.get(CHECK_CANARY) !== "1") {
    const advice = `Set ${CHECK_CANARY}=1 in the boot loader's built-in environment.`;
    return { level: "note", subject, found: "nothing proves that the boot loader reads this environment", advice };
  }
  if (found.get(CANARY) === "1") return { level: "good", subject, found: "the boot loader has set its mark" };
  const advice = "Make fw_env.config name the place of the boot loader's environment, and run mender_setup at boot.";
  return { level: "bad", subject, found: "the boot loader has not set its mark in this environment", advice };
}
