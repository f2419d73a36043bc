import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { ARTIFACTS } from "../../../support/server/artifacts.ts";
import type { Received } from "../../../support/server/webhook-receiver.ts";
import type { Deployment, Ledger, Report } from "./ledger.ts";
import { type Place, sha256Of } from "./load.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const DEVAUTH = "/api/management/v2/devauth/devices";
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const AUDIT = "/api/management/v1/auditlogs/logs";
const FINAL = new Set(["success", "failure"]);
const PAGE = 500;
const ATTEMPTS = 100;
const PAUSE_MS = 200;

interface Listed {
  readonly id: string;
  readonly name: string;
}

/** Compares what the server says through its API with the ledger, while nothing is under way. */
export class Comparison {
  readonly #place: Place;
  readonly #ledger: Ledger;
  /** What was compared byte for byte, and never changes. */
  readonly #whole = new Set<string>();

  constructor(place: Place, ledger: Ledger) {
    this.#place = place;
    this.#ledger = ledger;
  }

  async run(): Promise<void> {
    const artifacts = await this.#artifacts();
    const deployments = await this.#deployments();
    const accepted = await this.#devices();
    await this.#audit({ artifacts, deployments, accepted });
  }

  async #artifacts(): Promise<ReadonlySet<string>> {
    const listed = await this.#json<(Listed & { sha256: string })[]>(ARTIFACTS);
    for (const { id, name, sha256 } of listed) {
      const asked = this.#ledger.uploads.get(name);
      expect([name, sha256]).toEqual([name, asked?.sha256]);
      if (this.#whole.has(id)) continue;
      const { uri } = await this.#json<{ uri: string }>(`${ARTIFACTS}/${id}/download`);
      const bytes = Buffer.from(await (await fetch(uri)).arrayBuffer());
      expect([name, sha256Of(bytes)]).toEqual([name, sha256]);
      this.#whole.add(id);
    }
    const ids = new Set(listed.map(({ id }) => id));
    expect(ids.size).toBe(new Set(listed.map(({ name }) => name)).size);
    for (const [name, { acked, id }] of this.#ledger.uploads)
      if (acked) expect([name, ids.has(id ?? "")]).toEqual([name, true]);
    return ids;
  }

  async #deployments(): Promise<ReadonlySet<string>> {
    const listed = await this.#all<Listed & { device_count: number; status: string }>(DEPLOYMENTS);
    for (const { id, name, device_count: count, status } of listed) {
      const asked = this.#ledger.deployments.get(name);
      expect([name, count]).toEqual([name, asked?.devices.length]);
      if (this.#whole.has(id)) continue;
      if (asked?.isRollout === true) await this.#rollout(id, asked);
      await this.#members(id, asked, status);
    }
    const ids = new Set(listed.map(({ id }) => id));
    for (const [name, { acked, id }] of this.#ledger.deployments)
      if (acked) expect([name, ids.has(id ?? "")]).toEqual([name, true]);
    return ids;
  }

  /** No wave has opened twice, and people have done what they were told, once. */
  async #rollout(id: string, { acts }: Deployment): Promise<void> {
    const decisions = await this.#decisions(id);
    const opened = decisions.filter(({ code }) => code === "OPENED").map(({ facts }) => facts["wave"]);
    expect([id, opened]).toEqual([id, [0, 1].slice(0, opened.length)]);
    for (const [act, code] of [
      ["pause", "PAUSED"],
      ["resume", "RESUMED"],
    ] as const) {
      const done = decisions.filter((decision) => decision.code === code).length;
      const [acked, asked] = [acts.acked, acts.asked].map((all) => all.filter((one) => one === act).length);
      expect([id, act, done, Math.min(Math.max(done, acked ?? 0), asked ?? 0)]).toEqual([id, act, done, done]);
    }
  }

  #decisions(id: string): Promise<readonly { readonly code: string; readonly facts: Record<string, unknown> }[]> {
    return this.#json(`${ROLLOUTS}/${id}/decisions`);
  }

  /** Each deployment and each decision was told at least once, with an id of its own. @returns how many events */
  async events(received: readonly Received[]): Promise<number> {
    const listed = await this.#all<Listed>(DEPLOYMENTS);
    const rollouts = listed.filter(({ name }) => this.#ledger.deployments.get(name)?.isRollout === true);
    const told = (): Map<string, Set<string>> => {
      const keys = new Map<string, Set<string>>();
      for (const { body } of received) {
        const what = `${body.type} ${body.data["id"]}`;
        keys.set(what, (keys.get(what) ?? new Set()).add(body.id));
      }
      return keys;
    };
    const missing = async (): Promise<unknown[]> => {
      const count = (what: string): number => told().get(what)?.size ?? 0;
      const untold: unknown[] = listed.filter(({ id }) => count(`deployment-created ${id}`) !== 1);
      for (const { id } of rollouts) {
        const decided = (await this.#decisions(id)).length;
        if (count(`rollout-decided ${id}`) !== decided) untold.push({ id, decided });
      }
      return untold;
    };
    await expect.poll(missing, { timeout: 120_000, interval: 200 }).toEqual([]);
    return [...told().values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Rows, counters and reports of a deployment agree. */
  async #members(id: string, asked: Deployment | undefined, state: string): Promise<void> {
    const devices = await this.#json<{ id: string; status: string; log: boolean }[]>(`${DEPLOYMENTS}/${id}/devices`);
    expect(devices.map((device) => device.id).toSorted()).toEqual([...(asked?.devices ?? [])].toSorted());
    // A device that waits for its wave may finish a newer deployment meanwhile: then it leaves the rollout.
    const left = asked?.isRollout === true ? "aborted" : "";
    const statistics = await this.#json<Record<string, number>>(`${DEPLOYMENTS}/${id}/statistics`);
    const counted = new Map<string, number>();
    for (const { status } of devices) counted.set(status, (counted.get(status) ?? 0) + 1);
    const rows = [...counted];
    expect([
      id,
      Object.entries(statistics)
        .filter(([, n]) => n > 0)
        .toSorted(),
    ]).toEqual([id, rows.toSorted()]);
    for (const { id: device, status, log } of devices) {
      const report = this.#ledger.reports.get(`${id} ${device}`);
      if (report === undefined) expect([id, device, status]).toEqual([id, device, status === left ? left : "pending"]);
      else await this.#report(report, status, log);
    }
    const isEnded = devices.every(({ status }) => FINAL.has(status) || status === left);
    if (state === "finished") expect([id, isEnded]).toEqual([id, true]);
    if (state === "finished") this.#whole.add(id);
  }

  async #report({ deployment, device, asked, acked, log }: Report, status: string, hasLog: boolean): Promise<void> {
    const where = `${deployment} ${device}: acknowledged ${acked}, asked ${asked.join(" ")}`;
    // A report whose answer was lost may count, but nothing that nobody has sent.
    const allowed = [...(acked === undefined ? ["pending"] : [acked]), ...asked.slice(asked.indexOf(acked ?? "") + 1)];
    const isAllowed = acked !== undefined && FINAL.has(acked) ? status === acked : allowed.includes(status);
    expect([where, status, isAllowed]).toEqual([where, status, true]);
    if (log?.acked !== true) return;
    expect([where, hasLog]).toEqual([where, true]);
    const text = await (await this.#get(`${DEPLOYMENTS}/${deployment}/devices/${device}/log`)).text();
    expect(text).toContain(log.text);
  }

  async #devices(): Promise<ReadonlySet<string>> {
    const accepted = new Set((await this.#all<Listed>(`${DEVAUTH}?status=accepted`)).map(({ id }) => id));
    const { count } = await this.#json<{ count: number }>(`${DEVAUTH}/count?status=accepted`);
    expect(count).toBe(accepted.size);
    for (const [id, { acked }] of this.#ledger.acceptances)
      if (acked) expect([id, accepted.has(id)]).toEqual([id, true]);
    return accepted;
  }

  /** Each act has its record and each record its act, in a chain that is whole. */
  async #audit(there: Readonly<Record<"artifacts" | "deployments" | "accepted", ReadonlySet<string>>>): Promise<void> {
    expect(await this.#json(`${AUDIT}/verify`)).toMatchObject({ valid: true });
    const records = await this.#all<{ action: string; object: { type: string; id: string } }>(`${AUDIT}?sort=asc`);
    const of = (action: string, type: string): string[] =>
      records.filter((each) => each.action === action && each.object.type === type).map(({ object }) => object.id);
    expect(of("create", "artifact").toSorted()).toEqual([...there.artifacts].toSorted());
    expect(of("create", "deployment").toSorted()).toEqual([...there.deployments].toSorted());
    expect([...new Set(of("accept", "device"))].toSorted()).toEqual([...there.accepted].toSorted());
  }

  /** Asks until the database is there: its last connections may still break. */
  async #get(path: string): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const headers = { authorization: `Bearer ${this.#place.token}` };
      const answer = await fetch(`${this.#place.url}${path}`, { headers });
      if (answer.status === 200) return answer;
      const text = await answer.text();
      if (answer.status !== 503 || attempt === ATTEMPTS) throw new Error(`${path}: ${answer.status} ${text}`);
      await sleep(PAUSE_MS);
    }
  }

  async #json<T>(path: string): Promise<T> {
    return (await this.#get(path)).json() as Promise<T>;
  }

  async #all<T>(path: string): Promise<T[]> {
    const rows: T[] = [];
    for (let page = 1; ; page += 1) {
      const part = await this.#json<T[]>(`${path}${path.includes("?") ? "&" : "?"}per_page=${PAGE}&page=${page}`);
      rows.push(...part);
      if (part.length < PAGE) return rows;
    }
  }
}
