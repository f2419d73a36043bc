import { generateKeyPairSync, sign } from "node:crypto";
import type { BootChoice, DownloadCut, EnvironmentWatcher, Slot } from "../../qemu/harness/device.ts";
import type { ManageableDevice } from "../../qemu/harness/managed-device.ts";
import { ScriptedDevice } from "./scripted-device.ts";

/** What is wrong with a daemon. */
export interface DaemonFaults {
  readonly neverAsks?: true;
  readonly sendsNoType?: true;
  readonly sendsNoLog?: true;
  /** Reports success, whatever has come of the update. */
  readonly boasts?: true;
  readonly reportsNoReboot?: true;
  /** Ends for good as soon as a new system runs. */
  readonly diesOnTrial?: true;
}

interface Pending {
  readonly id: string;
  readonly from: Slot;
  /** Set when the installation is complete. An update that the power cut short before that is undone. */
  readonly isInstalled: boolean;
}

const DEPLOYMENTS = "/api/devices/v1/deployments/device/deployments";

/** A device that only this test has, with an agent that talks to the server over HTTP and survives reboots. */
export class ScriptedDaemon implements ManageableDevice {
  readonly #faults: DaemonFaults;
  readonly #device: ScriptedDevice;
  #slot: Slot = "A";
  /** Counts the starts: the daemon of an earlier one has gone. */
  #start = 0;
  #seen = 0;
  #pending: Pending | undefined;
  #url = "";
  #token = "";

  constructor(faults: DaemonFaults = {}, device = new ScriptedDevice()) {
    this.#faults = faults;
    this.#device = device;
  }

  get artifacts(): number {
    return this.#device.artifacts;
  }

  async powerOn(): Promise<Slot> {
    return await this.#starts(() => this.#device.powerOn());
  }

  async reboot(): Promise<Slot> {
    return await this.#starts(() => this.#device.reboot());
  }

  async cutPower(): Promise<void> {
    this.#start++;
    await this.#device.cutPower();
  }

  async reset(): Promise<void> {
    this.#pending = undefined;
    await this.#device.reset();
  }

  async restarted(trigger: () => void): Promise<Slot> {
    const before = this.#start;
    trigger();
    for (let looks = 0; looks < 2000 && this.#start === before; looks++) await pause();
    this.#seen = this.#start;
    return this.#slot;
  }

  lookForRestart(): Promise<Slot | undefined> {
    const isNew = this.#seen !== this.#start;
    this.#seen = this.#start;
    return Promise.resolve(isNew ? this.#slot : undefined);
  }

  startDaemon(serverUrl: string): Promise<void> {
    this.#url = serverUrl.replace("10.0.2.2", "127.0.0.1");
    if (this.#faults.neverAsks !== true) void this.#daemon(this.#start).catch(() => undefined); // ignored: power is off.
    return Promise.resolve();
  }

  daemonLog(): Promise<string> {
    return Promise.resolve("the log of the daemon");
  }

  serve(artifact: number, cut?: DownloadCut): string {
    return `http://10.0.2.2:1/${artifact}.mender${cut === undefined ? "" : "?cut"}`;
  }

  artifactName(): Promise<string> {
    return this.#device.artifactName();
  }

  bootChoice(): Promise<BootChoice> {
    return this.#device.bootChoice();
  }

  wipe(slot: Slot): Promise<void> {
    return this.#device.wipe(slot);
  }

  watchEnvironment(): EnvironmentWatcher | undefined {
    return undefined;
  }

  lastWords(): string {
    return this.#device.lastWords();
  }

  async #starts(start: () => Promise<Slot>): Promise<Slot> {
    this.#slot = await start();
    this.#start++;
    this.#seen = this.#start;
    return this.#slot;
  }

  async #daemon(start: number): Promise<void> {
    await this.#authenticate();
    const attributes = [{ name: "artifact_name", value: await this.#device.artifactName() }];
    if (this.#faults.sendsNoType !== true) attributes.push({ name: "device_type", value: "board" });
    await this.#send("PUT", "/api/devices/v1/inventory/device/attributes", attributes);
    while (start === this.#start) {
      if (this.#pending !== undefined) await this.#resume(this.#pending);
      else await this.#update();
      await pause();
    }
  }

  async #update(): Promise<void> {
    const next = await this.#send("POST", "/api/devices/v2/deployments/device/deployments/next", {});
    if (next.status !== 200) return;
    const { id, artifact } = JSON.parse(next.text);
    this.#pending = { id, from: this.#slot, isInstalled: false };
    await this.#report(id, "downloading");
    const { code } = await this.#device.install(Number(/(\d+)\.mender/.exec(artifact.source.uri)?.[1]));
    if (code !== 0) return await this.#ends(id, "failure");
    await this.#report(id, "installing");
    this.#pending = { ...this.#pending, isInstalled: true };
    if (this.#faults.reportsNoReboot !== true && (await this.#report(id, "rebooting")) === 409) {
      await this.#device.rollback();
      this.#pending = undefined;
      return;
    }
    await this.#restarts();
  }

  async #resume({ id, from, isInstalled }: Pending): Promise<void> {
    if (!isInstalled && this.#slot !== from) {
      await this.#device.rollback();
      return await this.#restarts();
    }
    if (this.#slot === from) {
      await this.#device.commit();
      return await this.#ends(id, "failure");
    }
    if (this.#faults.diesOnTrial === true) throw new Error("the daemon has ended");
    if ((await this.#report(id, "installing")) === 409) {
      await this.#device.rollback();
      this.#pending = undefined;
      return await this.#restarts();
    }
    const { code } = await this.#device.commit();
    await this.#ends(id, code === 0 ? "success" : "failure");
  }

  async #ends(id: string, status: string): Promise<void> {
    await this.#report(id, this.#faults.boasts === true ? "success" : status);
    const messages = [{ timestamp: "2026-01-01T00:00:00Z", level: "error", message: "BOOT_REVERTED" }];
    if (status === "failure" && this.#faults.sendsNoLog !== true)
      await this.#send("PUT", `${DEPLOYMENTS}/${id}/log`, { messages });
    this.#pending = undefined;
  }

  async #restarts(): Promise<void> {
    const slot = await this.#device.reboot();
    this.#slot = slot;
    this.#start++;
  }

  async #report(id: string, status: string): Promise<number> {
    return (await this.#send("PUT", `${DEPLOYMENTS}/${id}/status`, { status })).status;
  }

  async #authenticate(): Promise<void> {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const body = { id_data: "{}", pubkey: publicKey.export({ type: "spki", format: "pem" }) };
    const signature = sign(null, Buffer.from(JSON.stringify(body)), privateKey).toString("base64");
    const path = "/api/devices/v1/authentication/auth_requests";
    this.#token = (await this.#send("POST", path, body, { "x-men-signature": signature })).text;
  }

  /** @throws {Error} if the power fails meanwhile */
  async #send(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    const start = this.#start;
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (start !== this.#start) throw new Error("the system has gone");
    return { status: answer.status, text };
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
