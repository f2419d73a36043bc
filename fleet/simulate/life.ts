import type { SimulatedDevice } from "./device.ts";
import { doesFail, typeOf } from "./failures.ts";
import type { Figures } from "./figures.ts";
import type { Schedule } from "./schedule.ts";
import type { Wire, WireAnswer } from "./wire.ts";

export interface FleetPlan {
  /** Seconds between two polls of a device. */
  readonly intervalS: number;
  readonly tenantToken: string | undefined;
  readonly deviceType: string;
  /** Other device types, each with its part of the devices, from 0 to 1. */
  readonly otherTypes?: Readonly<Record<string, number>>;
  /** While it is there, installations fail on all devices of this type, and each says this line. */
  readonly failing?: { readonly type: string; readonly line: (device: number) => string } | undefined;
  /** The part of all installations that fail, from 0 to 1. */
  readonly failures: number;
  /** How long a device downloads, installs and reboots, in seconds each. */
  readonly stepS: number;
  /** Fetches the whole Artifact, in contrast to its first KiB. */
  readonly download: boolean;
  /** Attributes beyond those that every client sends. */
  readonly attributes: number;
  readonly seed: string;
}

export interface World {
  readonly wire: Wire;
  /** Fetches from another host than the server, for links to a bucket. */
  wireTo(url: URL): Wire;
  readonly schedule: Schedule;
  readonly figures: Figures;
  readonly plan: FleetPlan;
}

const DEVICES_V1 = "/api/devices/v1";
const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const BACK_OFF_S = [1, 2, 5, 10, 30];

interface Deployment {
  readonly id: string;
  readonly artifact: { readonly artifact_name: string; readonly source: { readonly uri: string } };
}

/** One device from its first request on. It lives until the schedule stops. */
export class Life {
  readonly #device: SimulatedDevice;
  readonly #world: World;
  #token: string | undefined;
  readonly #type: string;
  #artifact = "release-0";
  #failures = 0;
  #hasSentInventory = false;

  constructor(device: SimulatedDevice, world: World) {
    this.#device = device;
    this.#world = world;
    this.#type = typeOf(world.plan, device.index);
  }

  begin(delayMs: number): void {
    this.#world.schedule.after(delayMs, () => this.#turn());
  }

  /** Runs one turn and plans the next one. Nothing a server does ends a device. */
  #turn(): void {
    this.#live().then(
      (waitS) => this.begin(waitS * 1000),
      () => {
        this.#world.figures.count("errors: connection");
        this.begin(this.#backOff() * 1000);
      },
    );
  }

  #backOff(): number {
    const wait = BACK_OFF_S[Math.min(this.#failures, BACK_OFF_S.length - 1)] ?? 30;
    this.#failures += 1;
    return wait * (0.5 + Math.random());
  }

  /** @returns the seconds until the next turn */
  async #live(): Promise<number> {
    if (this.#token === undefined) {
      const wait = await this.#authenticate();
      if (wait !== undefined) return wait;
    }
    if (!this.#hasSentInventory) {
      const sent = await this.#call("inventory", "PUT", `${DEVICES_V1}/inventory/device/attributes`, this.#inventory());
      if (sent.status !== 200) return this.#refused(sent);
      this.#hasSentInventory = true;
    }
    const provides = { artifact_name: this.#artifact, device_type: this.#type };
    const answer = await this.#call("poll", "POST", NEXT, { device_provides: provides });
    if (answer.status === 204) return this.#rest(answer.retryAfterS);
    if (answer.status !== 200) return this.#refused(answer);
    await this.#update(JSON.parse(answer.body) as Deployment);
    return this.#rest();
  }

  /** As Switchback's agent: a server can make it come back earlier, and not later. */
  #rest(comeBackS = Number.POSITIVE_INFINITY): number {
    this.#failures = 0;
    return Math.min(this.#world.plan.intervalS, comeBackS);
  }

  #refused({ status, retryAfterS }: WireAnswer): number {
    if (status === 401) this.#token = undefined;
    return retryAfterS ?? this.#backOff();
  }

  async #authenticate(): Promise<number | undefined> {
    const { body, signature } = this.#device.request(this.#world.plan.tenantToken);
    const answer = await this.#count("authentication", {
      ...{ method: "POST", path: `${DEVICES_V1}/authentication/auth_requests`, body },
      headers: { "Content-Type": "application/json", "X-MEN-Signature": signature },
    });
    if (answer.status !== 200) return answer.retryAfterS ?? this.#backOff();
    this.#token = answer.body;
    this.#failures = 0;
    return undefined;
  }

  /** Goes through a deployment, and reports each step as a client does. */
  async #update({ id, artifact }: Deployment): Promise<void> {
    const { plan, figures } = this.#world;
    const { index } = this.#device;
    const line = plan.failing?.type === this.#type ? plan.failing.line(index) : undefined;
    const fails = line !== undefined || doesFail(plan, id, index);
    if (!(await this.#report(id, "downloading"))) return;
    await this.#download(artifact.source.uri);
    await this.#wait();
    if (!(await this.#report(id, "installing"))) return;
    await this.#wait();
    if (fails) {
      await this.#report(id, "failure");
      await this.#call(
        "log",
        "PUT",
        `${DEVICES_V1}/deployments/device/deployments/${id}/log`,
        failureLog(line ?? DISK_FULL),
      );
      figures.count("deployments: failed");
      return;
    }
    if (!(await this.#report(id, "rebooting"))) return;
    await this.#wait();
    if (!(await this.#report(id, "installing"))) return;
    this.#artifact = artifact.artifact_name;
    this.#hasSentInventory = false;
    await this.#report(id, "success");
    figures.count("deployments: installed");
  }

  /** @returns false if the server has aborted the deployment */
  async #report(id: string, status: string): Promise<boolean> {
    for (;;) {
      const path = `${DEVICES_V1}/deployments/device/deployments/${id}/status`;
      const answer = await this.#call("status", "PUT", path, { status });
      if (answer.status === 409 && status !== "failure") {
        this.#world.figures.count("deployments: aborted");
        await this.#report(id, "failure");
        return false;
      }
      if (answer.status === 401 && (await this.#authenticate()) !== undefined) return false;
      if (answer.status < 429 && answer.status !== 401) return true;
      await this.#sleep(answer.retryAfterS ?? this.#backOff());
    }
  }

  async #download(uri: string): Promise<void> {
    const { plan, figures, wireTo } = this.#world;
    const url = new URL(uri);
    const range = plan.download ? {} : { Range: "bytes=0-1023" };
    const answer = await wireTo(url).send({
      ...{ method: "GET", path: `${url.pathname}${url.search}`, headers: range, discard: true },
    });
    figures.count(`download: ${answer.status}`);
    figures.count("download: bytes", answer.bodyBytes);
    figures.took("download", answer.ms);
  }

  #inventory(): unknown {
    const { plan } = this.#world;
    const { index, mac } = this.#device;
    return [
      { name: "device_type", value: this.#type },
      { name: "artifact_name", value: this.#artifact },
      { name: "mender_client_version", value: "simulated" },
      { name: "mac", value: mac },
      { name: "site", value: `site-${index % 50}` },
      { name: "hardware", value: `revision-${index % 4}` },
      ...Array.from({ length: plan.attributes }, (_, n) => ({
        name: `attribute_${n}`,
        value: `value-${(index + n) % 10}`,
      })),
    ];
  }

  #call(kind: string, method: "POST" | "PUT", path: string, body: unknown): Promise<WireAnswer> {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${this.#token}` };
    return this.#count(kind, { method, path, headers, body: JSON.stringify(body) });
  }

  async #count(kind: string, request: Parameters<Wire["send"]>[0]): Promise<WireAnswer> {
    const answer = await this.#world.wire.send(request);
    this.#world.figures.count(`${kind}: ${answer.status}`);
    this.#world.figures.took(kind, answer.ms);
    return answer;
  }

  /** Between half the time and one and a half times it. */
  #wait(): Promise<void> {
    return this.#sleep(this.#world.plan.stepS * (0.5 + Math.random()));
  }

  #sleep(seconds: number): Promise<void> {
    return new Promise((resolve) => this.#world.schedule.after(seconds * 1000, resolve));
  }
}

const DISK_FULL = "Cannot write to /dev/mmcblk0p3: no space left on device";

const failureLog = (line: string): unknown => ({
  messages: [
    { timestamp: new Date().toISOString(), level: "info", message: "Installing the Artifact." },
    { timestamp: new Date().toISOString(), level: "error", message: line },
  ],
});
