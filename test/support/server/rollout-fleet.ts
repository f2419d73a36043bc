import { randomUUID } from "node:crypto";
import { moveRollout } from "../../../server/adapters/postgres/move-rollout.ts";
import { addArtifact, query } from "./seed.ts";
import { TestDevice } from "./test-device.ts";
import { makeDevice } from "./test-devices.ts";
import type { TestServer } from "./test-server.ts";

const V1 = "/api/management/v1/deployments/deployments";

interface Member {
  readonly id: string;
  readonly device: TestDevice;
}

/** Accepted devices of their own for one rollout, of the type `board-a`, with the release v0. */
export class RolloutFleet {
  readonly server: TestServer;
  readonly members: readonly Member[];
  readonly release = `release-${randomUUID()}`;
  deployment = "";

  private constructor(server: TestServer, members: readonly Member[]) {
    this.server = server;
    this.members = members;
  }

  static async make(server: TestServer, size: number): Promise<RolloutFleet> {
    const members: Member[] = [];
    const { tokens } = server.server.services;
    for (let n = 0; n < size; n += 1) {
      const { device: id, set } = await makeDevice(server);
      const device = new TestDevice(server.url, id);
      device.token = await tokens.sign({ jti: set, sub: id, tenant: server.tenant.id, kind: "device" }, 3600);
      members.push({ id, device });
    }
    const fleet = new RolloutFleet(server, members);
    await addArtifact(server, fleet.release);
    return fleet;
  }

  /** Creates the rollout as a person does. @returns the status, with the body of a refusal */
  async create(plan: object, more: object = {}): Promise<unknown> {
    const answer = await this.server.request("POST", V1, {
      ...{ name: this.release, artifact_name: this.release, devices: this.members.map(({ id }) => id) },
      ...{ rollout: plan, ...more },
    });
    this.deployment = answer.headers.get("location")?.split("/").at(-1) ?? "";
    await this.server.server.services.notices.caughtUp();
    return answer.status === 201 ? 201 : answer.json();
  }

  /** Looks at the rollout, as the server does each second. If it just does so, this waits for it. */
  async tick(): Promise<void> {
    const { postgres, full, notices } = this.server.server.services;
    const { id: tenant } = this.server.tenant;
    await postgres.inTenant(tenant, (session) => moveRollout(session, tenant, this.deployment, true));
    full.delete(this.deployment);
    await notices.caughtUp();
  }

  /** All poll at once. @returns those that were offered this rollout */
  async poll(members: readonly Member[] = this.members, release = "v0"): Promise<Member[]> {
    const answers = await Promise.all(
      members.map(async (member) => {
        const { status, body } = await member.device.next({ artifact_name: release, device_type: "board-a" });
        return status === 200 && body.id === this.deployment ? [member] : [];
      }),
    );
    return answers.flat();
  }

  async report(members: readonly Member[], status: string): Promise<number[]> {
    const answers = await Promise.all(members.map(({ device }) => device.report(this.deployment, status)));
    return answers.map((answer) => answer.status);
  }

  /** The codes of the answers to the last polls, with how many devices have each. */
  async answers(): Promise<Record<string, number>> {
    await this.server.server.services.checkIns.flush();
    const rows = await query<{ answer: string; n: number }>(
      this.server,
      "SELECT answer, count(*) AS n FROM device_state WHERE device_id = ANY ($1) AND answer IS NOT NULL GROUP BY 1 ORDER BY 1",
      this.members.map(({ id }) => id),
    );
    return Object.fromEntries(rows.map(({ answer, n }) => [answer, n]));
  }

  /** How many devices have each status, by wave: `{"0 success": 5}`. */
  async tallies(): Promise<Record<string, number>> {
    const rows = await query<{ key: string; n: number }>(
      this.server,
      `SELECT wave || ' ' || status AS key, sum(n) AS n FROM deployment_counts WHERE deployment_id = $1
        GROUP BY 1 HAVING sum(n) <> 0 ORDER BY 1`,
      this.deployment,
    );
    return Object.fromEntries(rows.map(({ key, n }) => [key, Number(n)]));
  }

  async decisions(): Promise<string[]> {
    const rows = await query<{ code: string }>(
      this.server,
      "SELECT code FROM rollout_decisions WHERE deployment_id = $1 ORDER BY seq",
      this.deployment,
    );
    return rows.map(({ code }) => code);
  }

  async state(): Promise<unknown> {
    const [row] = await query<{ state: string; ended: string | null }>(
      this.server,
      `SELECT state, ended FROM deployments d JOIN rollouts r ON r.deployment_id = d.id WHERE d.id = $1`,
      this.deployment,
    );
    return row;
  }

  /** What must hold at every moment. @returns the sentences that are broken */
  async broken(): Promise<string[]> {
    const [row] = await query<Record<string, number>>(
      this.server,
      `SELECT (SELECT sum(n) FROM rollout_places WHERE deployment_id = $1)::int AS taken,
        (SELECT count(*) FROM rollout_places WHERE deployment_id = $1 AND n > cap)::int AS over,
        (SELECT count(*) FROM device_deployments WHERE deployment_id = $1 AND wave >= 0)::int AS rows,
        (SELECT coalesce(sum(n), 0) FROM deployment_counts WHERE deployment_id = $1 AND wave >= 0)::int AS counted,
        (SELECT count(*) FROM (
          SELECT status, wave, count(*) AS n FROM device_deployments WHERE deployment_id = $1 GROUP BY 1, 2) AS r
          LEFT JOIN (SELECT status, wave, sum(n) AS n FROM deployment_counts WHERE deployment_id = $1 GROUP BY 1, 2) AS c
          USING (status, wave) WHERE wave >= 0 AND r.n IS DISTINCT FROM c.n)::int AS differing`,
      this.deployment,
    );
    const { taken, over, rows, counted, differing } = row ?? {};
    return [
      ...(over === 0 ? [] : [`${over} shards have more devices than places`]),
      ...(taken === rows && rows === counted ? [] : [`${taken} places, ${rows} rows, ${counted} counted`]),
      ...(differing === 0 ? [] : [`${differing} counters differ from the rows`]),
    ];
  }
}
