import type { Bootloader, SlotId } from "../ports/bootloader.ts";

/** What a slot's system does when the boot loader starts it. */
export type SystemFate = "up" | "hangs" | "panics" | "unloadable";

/** Where in a durable act the power fails. */
export type CutMoment = "before" | "during" | "after";

/** A board with a power switch. A new board runs from slot A, with a working system in both slots and no trial. */
export interface BootloaderRig {
  readonly boot: Bootloader;
  /** Switches the power off and on. @returns the slot that comes up, `undefined` when no system runs */
  powerCycle(): Promise<SlotId | undefined>;
  /**
   * Restarts the board from the running system as the agent does after arming, with the boot loader's `rebootArgument`.
   * Most firmware treats this like a power cycle. Firmware that keeps the trial in a volatile flag does not: a power
   * cycle instead of this reboot ends the trial before it begins.
   *
   * @returns as `powerCycle`
   */
  reboot(): Promise<SlotId | undefined>;
  /** Sets what the system in `slot` does from its next start. */
  setFate(slot: SlotId, fate: SystemFate): Promise<void>;
  /** Cuts the power at the `act`-th durable act from now, counted from 1; the running call then rejects. */
  cutPowerAt(act: number, moment: CutMoment): void;
  /** The act at which the power was cut, in words. Absent if the rig cannot tell. */
  cutAct?(): string | undefined;
  /** Restores the board to its initial state. */
  reset(): Promise<void>;
}
