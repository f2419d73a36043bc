import { expect } from "vitest";
import { upload } from "./artifacts.ts";
import type { RunningProgram } from "./running-program.ts";

const DEVAUTH = "/api/management/v2/devauth/devices";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";

interface Device {
  readonly id: string;
  readonly status: string;
  readonly auth_sets: readonly { readonly id: string; readonly status: string }[];
}

/** A person who works with one board, through the API. */
export class Desk {
  readonly #server: RunningProgram;

  constructor(server: RunningProgram) {
    this.#server = server;
  }

  devices = (): Promise<Device[]> => this.#server.ask("GET", DEVAUTH);

  statuses = async (): Promise<string[]> =>
    (await this.devices()).flatMap(({ auth_sets: sets }) => sets.map(({ status }) => status)).toSorted();

  async acceptPending(): Promise<void> {
    for (const { id, auth_sets: sets } of await this.devices())
      for (const set of sets)
        if (set.status === "pending")
          await this.#server.ask("PUT", `${DEVAUTH}/${id}/auth/${set.id}/status`, { status: "accepted" });
  }

  /** What the device says it runs. */
  async artifactName(): Promise<unknown> {
    const [device] = await this.#server.ask<{ attributes?: { name: string; value: unknown }[] }[]>(
      ...(["GET", "/api/management/v1/inventory/devices"] as const),
    );
    return device?.attributes?.find(({ name }) => name === "artifact_name")?.value;
  }

  async deploy(name: string, artifact: Buffer): Promise<string> {
    const answer = await upload(this.#server, artifact);
    expect(answer.status, await answer.text()).toBe(201);
    const devices = (await this.devices()).map(({ id }) => id);
    return this.#server.ask("POST", DEPLOYMENTS, { name, artifact_name: name, devices });
  }

  abort = (deployment: string): Promise<unknown> =>
    this.#server.ask("PUT", `${DEPLOYMENTS}/${deployment}/status`, { status: "aborted" });

  async stateOf(deployment: string): Promise<string> {
    const { state } = await this.#server.ask<{ state: string }>("GET", `${DEPLOYMENTS}/${deployment}`);
    const counts = await this.#server.ask<Record<string, number>>("GET", `${DEPLOYMENTS}/${deployment}/statistics`);
    return [state, ...Object.keys(counts).filter((status) => (counts[status] ?? 0) > 0)].join(" ");
  }

  async logOf(deployment: string): Promise<string> {
    const [device] = await this.devices();
    return this.#server.ask<string>("GET", `${DEPLOYMENTS}/${deployment}/devices/${device?.id}/log`);
  }

  decommission = async (): Promise<unknown> =>
    this.#server.ask("DELETE", `${DEVAUTH}/${(await this.devices())[0]?.id}`);
}
