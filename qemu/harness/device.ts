export type Slot = "A" | "B";

export const otherSlot = (slot: Slot): Slot => (slot === "A" ? "B" : "A");

/** What a command of the agent said. */
export interface AgentAnswer {
  readonly code: number;
  /** Both outputs, for messages. */
  readonly text: string;
  readonly stdout: string;
}

/** What the boot loader will do at the next start, read from the disk. */
export interface BootChoice {
  readonly slot?: Slot | undefined;
  /** Whether the boot loader has to fall back from this slot if nobody commits. */
  readonly trial: boolean;
  /** As the environment has it; absent for boot loaders that count elsewhere. */
  readonly bootCount?: string | undefined;
}

/** How the download of an Artifact breaks. */
export interface DownloadCut {
  /** Part of the Artifact that arrives before the connection is reset: 0 to 1. */
  readonly after: number;
}

/** A device with two slots under test: a machine, its disk, and its agent. */
export interface TestedDevice {
  /** Number of Artifacts that it can install. They have different contents. */
  readonly artifacts: number;
  /** Switches on and waits until the system answers. @throws {DeviceFailure} if no system comes up in time */
  powerOn(): Promise<Slot>;
  /** @throws {DeviceFailure} */
  reboot(): Promise<Slot>;
  cutPower(): Promise<void>;
  /** Replaces the disk by a copy of the image. The power must be off. */
  reset(): Promise<void>;
  /** Runs a command of the agent to its end. Rejects if the power fails meanwhile. */
  install(artifact: number, cut?: DownloadCut): Promise<AgentAnswer>;
  commit(): Promise<AgentAnswer>;
  rollback(): Promise<AgentAnswer>;
  /** The name that the agent reports for the running software. */
  artifactName(): Promise<string>;
  /** Undefined if the image has no boot loader that its disk shows. */
  bootChoice(): Promise<BootChoice | undefined>;
  /** Writes zeros over a slot that does not run. */
  wipe(slot: Slot): Promise<void>;
  /** Calls back for each copy of the boot environment that the device writes, as long as it can be seen on the disk. */
  watchEnvironment(): EnvironmentWatcher | undefined;
  /** The last lines on the console. */
  lastWords(): string;
  /** What the agent has told its server since the last call, as a sentence. */
  account?(): string | undefined;
}

export interface EnvironmentWatcher {
  /** Resolves as soon as so many copies have begun to be written. */
  written(count: number): Promise<void>;
  /** @returns how many copies have been written */
  stop(): number;
}

/** No system came up in time. */
export class DeviceFailure extends Error {
  override readonly name = "DeviceFailure";
}
