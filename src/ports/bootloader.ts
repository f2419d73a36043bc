import type { Diagnosable } from "./finding.ts";

/** The two root filesystem slots of a board. */
export type SlotId = "A" | "B";

export const otherSlot = (slot: SlotId): SlotId => (slot === "A" ? "B" : "A");

export interface BootPlan {
  /** Slot that the next power-on boots, unless a trial has used its attempts. */
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
  /** Slot that the running kernel started from. Asks the running system, never the boot environment alone. */
  booted(signal: AbortSignal): Promise<SlotId>;
  plan(signal: AbortSignal): Promise<BootPlan>;
  /** Boots `slot` once, on trial. */
  arm(slot: SlotId, signal: AbortSignal): Promise<void>;
  /**
   * The argument that a reboot needs for the planned slot to come up. Some firmware learns of a trial only from this
   * argument and forgets it when the power is lost. `undefined`, or absent, if a plain reboot suffices.
   */
  rebootArgument?(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Fails if a mutation would fail because the medium cannot be written. Changes nothing. Absent if the adapter cannot
   * tell without writing.
   *
   * @throws {AgentError} BOOTENV_WRITE
   */
  expectWritable?(signal: AbortSignal): Promise<void>;
  /** Ends the trial in favour of the planned slot. The caller must check that the planned slot is the booted one. */
  confirm(signal: AbortSignal): Promise<void>;
  /** Ends the trial in favour of `slot`. */
  revert(slot: SlotId, signal: AbortSignal): Promise<void>;
}
