import type { DeviceApi } from "../server/device-api.ts";
import type { AgentAnswer, BootChoice, DownloadCut, EnvironmentWatcher, Slot, TestedDevice } from "./device.ts";
import { ScenarioFailure } from "./faults.ts";
import { accountOf, expectTruth } from "./told.ts";

/** A device whose agent can be a daemon of the harness's server. */
export interface ManageableDevice
  extends Pick<TestedDevice, "artifacts" | "powerOn" | "reboot" | "cutPower" | "reset" | "artifactName" | "wipe"> {
  bootChoice(): Promise<BootChoice | undefined>;
  watchEnvironment(): EnvironmentWatcher | undefined;
  lastWords(): string;
  /** Stops the image's own daemon, and starts one that asks this server. It runs until the system goes down. */
  startDaemon(serverUrl: string): Promise<void>;
  /** The last lines of that daemon's log. */
  daemonLog(): Promise<string>;
  /** Waits for the system that starts after `trigger`. @throws {DeviceFailure} if none comes up in time */
  restarted(trigger: () => void): Promise<Slot>;
  /** The slot that runs if the system has restarted since the last look. */
  lookForRestart(): Promise<Slot | undefined>;
  /** The address of an Artifact; `cut` breaks its next download. */
  serve(artifact: number, cut?: DownloadCut): string;
}

/** What the server needs to know of an Artifact to offer it. */
export interface OfferedArtifact {
  readonly name: string;
  readonly deviceTypes: readonly string[];
}

export interface Patience {
  /** Until the agent of a new system has found the server. */
  readonly connectMs: number;
  /** For each part of an update. */
  readonly updateMs: number;
  /** Between two looks at whether the system has restarted. */
  readonly lookMs: number;
}

const done = (text: string): AgentAnswer => ({ code: 0, text, stdout: text });
const failed = (text: string): AgentAnswer => ({ code: 1, text, stdout: "" });
const NOTHING: AgentAnswer = { code: 2, text: "No deployment is in progress.", stdout: "" };

/**
 * A device whose agent is a daemon. An install is a deployment that waits before the reboot; the next start waits before
 * the commit. A rollback is a deployment that the server cancels. What the agent tells the server must be true.
 */
export class ManagedDevice implements TestedDevice {
  readonly #device: ManageableDevice;
  readonly #server: DeviceApi;
  readonly #artifacts: readonly OfferedArtifact[];
  readonly #patience: Patience;
  #power = new AbortController();
  #isKnown = false;
  #slot: Slot = "A";
  /** The slot that ran when the deployment began. */
  #from: Slot = "A";
  /** The slot that a restart without a command has brought up. */
  #arrived: Slot | undefined;
  #told = 0;

  constructor(device: ManageableDevice, server: DeviceApi, artifacts: readonly OfferedArtifact[], patience: Patience) {
    this.#device = device;
    this.#server = server;
    this.#artifacts = artifacts;
    this.#patience = patience;
  }

  get artifacts(): number {
    return this.#device.artifacts;
  }

  async powerOn(): Promise<Slot> {
    this.#power = new AbortController();
    await this.#runs(await this.#device.powerOn());
    if (!this.#isKnown) await this.#expectInventory();
    return this.#slot;
  }

  async reboot(): Promise<Slot> {
    const arrived = this.#arrived;
    this.#arrived = undefined;
    if (arrived !== undefined) return arrived;
    const deployment = this.#server.deployment;
    const isHeld = deployment !== undefined && deployment.end === undefined && deployment.isOnTrial;
    return await this.#runs(
      isHeld ? await this.#device.restarted(() => this.#server.open("reboot")) : await this.#device.reboot(),
    );
  }

  async cutPower(): Promise<void> {
    this.#power.abort();
    await this.#device.cutPower();
  }

  async reset(): Promise<void> {
    this.#server.forget();
    this.#isKnown = false;
    this.#arrived = undefined;
    await this.#device.reset();
  }

  async install(artifact: number, cut?: DownloadCut): Promise<AgentAnswer> {
    const { name, deviceTypes } = this.#artifacts[artifact] ?? { name: "", deviceTypes: [] };
    this.#from = this.#slot;
    this.#told = 0;
    const deployment = this.#server.deploy(name, this.#device.serve(artifact, cut), deviceTypes);
    const isOver = (): boolean => deployment.isOnTrial || deployment.end !== undefined;
    await this.#server.until(isOver, this.#patience.updateMs, this.#power.signal);
    this.#expectPower();
    if (deployment.end === undefined && deployment.isOnTrial) return done(accountOf(deployment));
    if (deployment.end !== undefined) await this.#left();
    return failed(`${accountOf(deployment)}\n${(deployment.log ?? []).join("\n") || (await this.#device.daemonLog())}`);
  }

  /** Lets the deployment go on to its end, and follows the system through its restarts. */
  async commit(): Promise<AgentAnswer> {
    const { deployment } = this.#server;
    if (deployment === undefined || (deployment.end !== undefined && deployment.isLeft)) return NOTHING;
    this.#server.open("reboot");
    this.#server.open("commit");
    await this.#left();
    expectTruth(deployment, this.#from, this.#slot);
    const text = [accountOf(deployment), ...(deployment.log ?? [])].join("\n");
    if (deployment.end === "success") return done(text);
    return deployment.end === "aborted" ? NOTHING : failed(text);
  }

  async rollback(): Promise<AgentAnswer> {
    const { deployment } = this.#server;
    if (deployment === undefined || deployment.end !== undefined) return NOTHING;
    if (this.#slot === this.#from) {
      this.#server.abort("reboot");
      await this.#left();
    } else {
      await this.#runs(await this.#device.restarted(() => this.#server.abort("commit")));
      await this.#left();
      this.#arrived = this.#slot;
    }
    return done(accountOf(deployment));
  }

  artifactName(): Promise<string> {
    return this.#device.artifactName();
  }

  bootChoice(): Promise<BootChoice | undefined> {
    return this.#device.bootChoice();
  }

  wipe(slot: Slot): Promise<void> {
    return this.#device.wipe(slot);
  }

  watchEnvironment(): EnvironmentWatcher | undefined {
    return this.#device.watchEnvironment();
  }

  lastWords(): string {
    return this.#device.lastWords();
  }

  account(): string | undefined {
    const { deployment } = this.#server;
    if (deployment === undefined) return "The server has accepted the device and got its inventory.";
    const from = this.#told;
    this.#told = deployment.statuses.length;
    return from === this.#told ? undefined : accountOf(deployment, from);
  }

  async #runs(slot: Slot): Promise<Slot> {
    this.#slot = slot;
    await this.#device.startDaemon(this.#server.url);
    return slot;
  }

  /** Waits until the agent has ended the deployment and asked for the next one. */
  async #left(): Promise<void> {
    const { deployment } = this.#server;
    const isLeft = (): boolean => deployment?.end !== undefined && deployment.isLeft;
    const deadline = Date.now() + this.#patience.updateMs;
    while (!(await this.#server.until(isLeft, this.#patience.lookMs, this.#power.signal))) {
      this.#expectPower();
      if (Date.now() > deadline) {
        const found = `The agent did not end the deployment. ${deployment === undefined ? "" : accountOf(deployment)}`;
        throw new ScenarioFailure("server-silence", found, await this.#device.daemonLog());
      }
      const slot = await this.#device.lookForRestart();
      if (slot !== undefined) await this.#runs(slot);
    }
  }

  /** @throws {Error} if the power has failed, as it does with a command that is cut off */
  #expectPower(): void {
    if (this.#power.signal.aborted) throw new Error("the power failed");
  }

  async #expectInventory(): Promise<void> {
    const isThere = (): boolean => this.#server.inventory !== undefined;
    await this.#server.until(isThere, this.#patience.connectMs, this.#power.signal);
    this.#expectPower();
    const { inventory } = this.#server;
    if (inventory === undefined) {
      const found = "The agent did not reach the server, or did not send its inventory.";
      throw new ScenarioFailure("server-silence", found, await this.#device.daemonLog());
    }
    const missing = ["artifact_name", "device_type"].filter((name) => typeof inventory[name] !== "string");
    if (missing.length > 0) {
      const found = `The inventory that the server got has no ${missing.join(" and no ")}.`;
      throw new ScenarioFailure("server-untruth", found);
    }
    this.#isKnown = true;
  }
}
