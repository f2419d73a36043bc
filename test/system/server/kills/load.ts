import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../../../qemu/harness/random.ts";
import { makeArtifact, upload } from "../../../support/server/artifacts.ts";
import { TestDevice } from "../../../support/server/test-device.ts";
import type { Deployment, Ledger } from "./ledger.ts";

const DEVAUTH = "/api/management/v2/devauth/devices";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
/** One device first. It may fail. */
const PLAN = { waves: [{ count: 1, gate: { success_pct: 0 } }, { rest: true }] };
const PAUSE_MS = 50;
const DEVICES = 8;

export interface Place {
  readonly url: string;
  readonly tenantToken: string;
  /** Of the administrator. */
  readonly token: string;
}

/**
 * People and devices at work, who repeat what failed, as real ones do. All that the server acknowledges comes into the
 * ledger; each act is in it before it is sent.
 */
export class Load {
  readonly #place: Place;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #devices: TestDevice[] = [];
  readonly #ids: string[] = [];
  readonly #workers: Promise<void>[] = [];
  #pauses: { readonly over: Promise<void>; end(): void } | undefined;
  #busy = 0;
  #isOver = false;
  #number = 0;

  constructor(place: Place, ledger: Ledger, random: Random) {
    this.#place = place;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Begins. The first devices are accepted when it resolves. */
  async start(): Promise<void> {
    const { url, tenantToken } = this.#place;
    for (let n = 0; n < DEVICES; n += 1) {
      const device = new TestDevice(url, `00:00:00:00:01:0${n}`, { tenantToken });
      await device.authenticate();
      this.#devices.push(device);
    }
    await this.#acceptPending();
    for (const device of this.#devices) {
      await device.authenticate();
      const { sub } = JSON.parse(Buffer.from(device.token.split(".")[1] ?? "", "base64url").toString());
      this.#ids.push(sub);
    }
    const works = [
      () => this.#upload(),
      () => this.#deploy(),
      () => this.#act(),
      () => this.#acceptPending(),
      () => this.#enroll(),
    ];
    this.#workers.push(...works.map((work) => this.#repeat(work)));
    this.#workers.push(...this.#devices.map((device, index) => this.#repeat(() => this.#update(device, index))));
  }

  /** Waits until nothing is under way, does `work`, and goes on. */
  async paused<T>(work: () => Promise<T>): Promise<T> {
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#pauses = { over, end };
    while (this.#busy > 0) await sleep(5);
    try {
      return await work();
    } finally {
      this.#pauses = undefined;
      end();
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
  }

  async #repeat(work: () => Promise<unknown>): Promise<void> {
    while (!this.#isOver) {
      await this.#pauses?.over;
      this.#busy += 1;
      await work().catch(() => undefined); // ignored: the server is away. What was not acknowledged does not count.
      this.#busy -= 1;
      await sleep(this.#random.below(2 * PAUSE_MS));
    }
  }

  async #ask(method: string, path: string, body?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#place.token}`, "content-type": "application/json" };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    return fetch(`${this.#place.url}${path}`, init);
  }

  async #upload(): Promise<void> {
    this.#number += 1;
    const name = `release-${this.#number}`;
    const content = Buffer.alloc(this.#random.below(2_000_000) + 1000, name);
    const bytes = await makeArtifact({ name, content });
    const entry = { acked: false, id: undefined as string | undefined, sha256: sha256Of(bytes) };
    this.#ledger.uploads.set(name, entry);
    const answer = await upload(this.#place, bytes);
    if (answer.status !== 201) throw new Error(`upload: ${answer.status}`);
    entry.id = answer.headers.get("location")?.split("/").at(-1);
    entry.acked = true;
  }

  async #deploy(): Promise<void> {
    const releases = [...this.#ledger.uploads].filter(([, { acked }]) => acked);
    if (releases.length === 0) return;
    const [release] = this.#random.pick(releases);
    this.#number += 1;
    const name = `deployment-${this.#number}`;
    const devices = this.#ids.filter(() => this.#random.below(2) === 0);
    if (devices.length === 0) return;
    const isRollout = this.#random.below(3) > 0;
    const entry: Deployment = { acked: false, id: undefined, devices, isRollout, acts: { asked: [], acked: [] } };
    this.#ledger.deployments.set(name, entry);
    const rollout = isRollout ? { rollout: PLAN } : {};
    const wish = { name, artifact_name: release, devices, force_installation: true, ...rollout };
    const answer = await this.#ask("POST", DEPLOYMENTS, wish);
    if (answer.status !== 201) throw new Error(`deployment: ${answer.status}`);
    entry.id = answer.headers.get("location")?.split("/").at(-1);
    entry.acked = true;
    await sleep(this.#random.below(500));
  }

  /** Somebody stops a rollout, and lets it go on. */
  async #act(): Promise<void> {
    const rollouts = [...this.#ledger.deployments.values()].filter(({ acked, isRollout }) => acked && isRollout);
    const entry = rollouts.at(-1 - this.#random.below(3));
    if (entry === undefined) return;
    for (const act of ["pause", "resume"] as const) {
      entry.acts.asked.push(act);
      const answer = await this.#ask("POST", `${ROLLOUTS}/${entry.id}/acts`, { act });
      // 409: it has ended, or the act before was kept although its answer was lost.
      if (answer.status === 409) entry.acts.asked.pop();
      else if (answer.status !== 200) throw new Error(`${act}: ${answer.status}`);
      else entry.acts.acked.push(act);
    }
  }

  async #acceptPending(): Promise<void> {
    const answer = await this.#ask("GET", `${DEVAUTH}?status=pending&per_page=20`);
    if (answer.status !== 200) throw new Error(`devices: ${answer.status}`);
    const pending = (await answer.json()) as { id: string; auth_sets: { id: string; status: string }[] }[];
    for (const { id, auth_sets: sets } of pending) {
      const entry = this.#ledger.acceptances.get(id) ?? { acked: false };
      this.#ledger.acceptances.set(id, entry);
      const done = await this.#ask("PUT", `${DEVAUTH}/${id}/auth/${sets[0]?.id}/status`, { status: "accepted" });
      if (done.status !== 204) throw new Error(`acceptance: ${done.status}`);
      entry.acked = true;
    }
  }

  /** A new device appears. */
  async #enroll(): Promise<void> {
    this.#number += 1;
    const { url, tenantToken } = this.#place;
    await new TestDevice(url, `new-${this.#number}`, { tenantToken }).authenticate();
    await sleep(this.#random.below(300));
  }

  async #update(device: TestDevice, index: number): Promise<void> {
    const next = await device.next({ artifact_name: "none", device_type: "board-a" });
    if (next.status === 401) await device.authenticate();
    if (next.status !== 200) return;
    const { id, artifact } = next.body;
    const entry = this.#ledger.report(id, this.#ids[index] ?? "");
    const report = async (status: string): Promise<void> => {
      if (!entry.asked.includes(status)) entry.asked.push(status);
      const answer = await device.report(id, status);
      if (answer.status !== 204) throw new Error(`report: ${answer.status}`);
      entry.acked = status;
    };
    await report("downloading");
    const bytes = Buffer.from(await (await fetch(artifact.source.uri)).arrayBuffer());
    const expected = this.#ledger.uploads.get(artifact.artifact_name)?.sha256;
    if (bytes.length > 0 && sha256Of(bytes) !== expected) return; // Cut off: the device tries again.
    await report("installing");
    if (this.#random.below(4) > 0) return report("success");
    const text = `failed in ${id}`;
    entry.log ??= { acked: false, text };
    const messages = [{ timestamp: "2026-01-01T00:00:00Z", level: "error", message: text }];
    const log = await device.request("PUT", `v1/deployments/device/deployments/${id}/log`, { messages });
    if (log.status !== 204) throw new Error(`log: ${log.status}`);
    entry.log.acked = true;
    await report("failure");
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
