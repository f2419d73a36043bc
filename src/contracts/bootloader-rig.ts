import type { Bootloader, SlotId } from "../ports/bootloader.ts";

/** What becomes of a slot's system when the boot loader starts it. */
export type SystemFate = "up" | "hangs" | "panics" | "unloadable";

/** Where in a durable act the power fails. */
export type CutMoment = "before" | "during" | "after";

/** A board with a power switch. A new one runs from slot A, with a good system in both slots and no trial. */
export interface BootloaderRig {
  readonly boot: Bootloader;
  /** Takes the power away and gives it back. @returns the slot that comes up, `undefined` when nothing runs */
  powerCycle(): Promise<SlotId | undefined>;
  /**
   * The running system restarts the board as the agent does after arming: with the boot loader's `rebootArgument`.
   * The same as a power cycle to all firmware but that which keeps the trial in a flag that is lost with the power:
   * there a power cycle in place of this reboot is a trial that ends before it begins.
   *
   * @returns as `powerCycle`
   */
  reboot(): Promise<SlotId | undefined>;
  /** Decides what the system in `slot` does from the next start on. */
  setFate(slot: SlotId, fate: SystemFate): Promise<void>;
  /** The power fails at the `act`-th durable act from now, counted from 1; what runs then rejects. */
  cutPowerAt(act: number, moment: CutMoment): void;
  /** What the power was cut at, in words, where the rig can tell. */
  cutAct?(): string | undefined;
  /** Makes the board what a new one is, whatever it was. */
  reset(): Promise<void>;
}
