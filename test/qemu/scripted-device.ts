import { setTimeout } from "node:timers/promises";
import {
  type AgentAnswer,
  type BootChoice,
  DeviceFailure,
  type DownloadCut,
  type EnvironmentWatcher,
  otherSlot,
  type Slot,
  type TestedDevice,
} from "../../qemu/harness/device.ts";

/** What is wrong with a device. */
export interface DeviceFaults {
  /** The boot loader never counts the starts of a trial. */
  readonly countsNoBoots?: true;
  /** The boot loader reads its environment elsewhere, and always starts slot A. */
  readonly readsElsewhere?: true;
  /** The system in the Artifacts does not start. */
  readonly brokenArtifact?: true;
  /** A service commits at each start. */
  readonly commitsByItself?: true;
  /** The agent refuses every Artifact. */
  readonly refuses?: true;
  /** The agent does not resume a download. */
  readonly resumesNothing?: true;
  /** A power cut during an install ruins both slots. */
  readonly tearsBothSlots?: true;
  /** An image that does not even start once. */
  readonly dead?: true;
  /** A system that starts, and has no ssh server. */
  readonly hasNoSsh?: true;
}

const BROKEN = "zeros";
/** An operation takes so long, so that power cuts fall into it. */
const STEP_MS = 2;

const answer = (code: number, text: string): AgentAnswer => ({ code, text, stdout: text });

/** A device that only this test has: boot loader, agent and two slots, with their state. */
export class ScriptedDevice implements TestedDevice {
  readonly artifacts: number;
  readonly #faults: DeviceFaults;
  #isOn = false;
  #cuts = 0;
  #running: Slot = "A";
  #contents: Record<Slot, string> = { A: "v1", B: BROKEN };
  #environment = { slot: "A" as Slot, trial: false, count: 0 };
  #pendingFrom: Slot | undefined;
  /** Number of starts, resets to the image, and wiped slots. */
  readonly counts = { starts: 0, resets: 0, wipes: 0 };

  constructor(faults: DeviceFaults = {}, artifacts = 1) {
    this.#faults = faults;
    this.artifacts = artifacts;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  async powerOn(): Promise<Slot> {
    this.#isOn = true;
    return await this.#boot();
  }

  async reboot(): Promise<Slot> {
    await this.#step();
    return await this.#boot();
  }

  cutPower(): Promise<void> {
    this.#isOn = false;
    this.#cuts++;
    return Promise.resolve();
  }

  reset(): Promise<void> {
    this.counts.resets++;
    this.#contents = { A: "v1", B: BROKEN };
    this.#environment = { slot: "A", trial: false, count: 0 };
    this.#pendingFrom = undefined;
    return Promise.resolve();
  }

  async install(artifact: number, cut?: DownloadCut): Promise<AgentAnswer> {
    // At once: a cut may come before the first step has ended.
    if (this.#faults.tearsBothSlots) this.#contents[this.#running] = BROKEN;
    await this.#step();
    if (this.#faults.refuses) return answer(1, "ARTIFACT_NOT_SIGNED");
    if (cut !== undefined && this.#faults.resumesNothing) return answer(1, "TRANSPORT_RESET");
    const target = otherSlot(this.#running);
    this.#contents[target] = BROKEN;
    await this.#step();
    this.#contents[target] = this.#faults.brokenArtifact ? BROKEN : `v${artifact + 2}`;
    this.#environment = { slot: target, trial: true, count: 0 };
    this.#pendingFrom = this.#running;
    return answer(0, "Installed, but not committed.");
  }

  async commit(): Promise<AgentAnswer> {
    await this.#step();
    if (this.#pendingFrom === undefined) return answer(2, "No update in progress.");
    const isTrial = this.#environment.trial && this.#running === this.#environment.slot;
    this.#pendingFrom = undefined;
    if (!isTrial) {
      this.#environment = { ...this.#environment, slot: this.#running, trial: false };
      return answer(1, "BOOT_REVERTED");
    }
    this.#environment.trial = false;
    return answer(0, "Committed.");
  }

  async rollback(): Promise<AgentAnswer> {
    await this.#step();
    if (this.#pendingFrom === undefined) return answer(2, "No update in progress.");
    this.#environment = { slot: this.#pendingFrom, trial: false, count: 0 };
    this.#pendingFrom = undefined;
    return answer(0, "Rolled back.");
  }

  artifactName(): Promise<string> {
    return Promise.resolve(this.#contents[this.#running]);
  }

  bootChoice(): Promise<BootChoice> {
    const { slot, trial, count } = this.#environment;
    return Promise.resolve({ slot, trial, bootCount: String(count) });
  }

  wipe(slot: Slot): Promise<void> {
    this.counts.wipes++;
    this.#contents[slot] = BROKEN;
    return Promise.resolve();
  }

  watchEnvironment(): EnvironmentWatcher | undefined {
    return undefined;
  }

  lastWords(): string {
    return `boot: slot ${this.#environment.slot}${this.#faults.hasNoSsh ? "\n\ndevice login: " : ""}`;
  }

  async #boot(): Promise<Slot> {
    this.counts.starts++;
    if (this.#faults.dead || this.#faults.hasNoSsh) throw new DeviceFailure("No answer from ssh within 600 s.");
    for (let attempts = 0; attempts < 3; attempts++) {
      const slot = this.#chosen();
      if (this.#contents[slot] === BROKEN) continue;
      this.#running = slot;
      if (this.#faults.commitsByItself && slot === this.#environment.slot) this.#environment.trial = false;
      return slot;
    }
    throw new DeviceFailure("No answer from ssh within 600 s.");
  }

  /** What the boot loader does at one start. */
  #chosen(): Slot {
    if (this.#faults.readsElsewhere) return "A";
    const { slot, trial, count } = this.#environment;
    if (!trial || this.#faults.countsNoBoots) return slot;
    if (count === 0) this.#environment.count = 1;
    else this.#environment = { slot: otherSlot(slot), trial: false, count: 0 };
    return this.#environment.slot;
  }

  /** @throws {Error} if the power fails meanwhile */
  async #step(): Promise<void> {
    const cuts = this.#cuts;
    await setTimeout(STEP_MS);
    // The power may be back already, and what ran before the cut has gone all the same.
    if (!this.#isOn || cuts !== this.#cuts) throw new Error("the power is off");
  }
}
