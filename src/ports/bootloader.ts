import type { Diagnosable } from "./finding.ts";

/** The two root filesystem slots of a board. */
export type SlotId = "A" | "B";

export const otherSlot = (slot: SlotId): SlotId => (slot === "A" ? "B" : "A");

export interface BootPlan {
  /** Slot that the next power-on boots, unless a trial has used up its attempts. */
  readonly slot: SlotId;
  /** The boot loader falls back to the other slot unless `confirm` comes first (`upgrade_available`). */
  readonly trial: boolean;
}

/**
 * Chooses the slot to boot. Every mutation is atomic across power loss and idempotent, because the
 * driver repeats the current effect after an unexpected restart. No method ever repairs
 * `upgrade_available`: it is the only sign that the boot loader has reverted.
 *
 * @throws {AgentError} BOOTENV_READ, BOOTENV_WRITE, BOOTENV_CANARY, SLOT_UNKNOWN
 */
export interface Bootloader extends Partial<Diagnosable> {
  readonly kind: string;
  /** Slot this kernel runs from, read from the running system and never from the environment alone. */
  booted(signal: AbortSignal): Promise<SlotId>;
  plan(signal: AbortSignal): Promise<BootPlan>;
  /** Boots `slot` once, on trial. */
  arm(slot: SlotId, signal: AbortSignal): Promise<void>;
  /**
   * What a reboot has to be asked for with, for the planned slot to come up: firmware that is told of a trial by the
   * restart itself forgets it with the power. `undefined`, and absent, where any restart does.
   */
  rebootArgument?(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Fails where a mutation would fail because the medium cannot be written, and changes nothing. Absent where the
   * adapter cannot tell without a write.
   *
   * @throws {AgentError} BOOTENV_WRITE
   */
  expectWritable?(signal: AbortSignal): Promise<void>;
  /** Ends the trial in favour of the planned slot. The caller has checked that it is the booted one. */
  confirm(signal: AbortSignal): Promise<void>;
  /** Ends the trial in favour of `slot`. */
  revert(slot: SlotId, signal: AbortSignal): Promise<void>;
}
