import { afterAll, beforeAll, expect, test } from "vitest";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { addArtifact, query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const GATE = { success_pct: 100 };

interface Summary {
  readonly state: string;
  readonly headline: { readonly code: string; readonly facts: object; readonly by?: { readonly email: string } };
  readonly facts: readonly { readonly code: string; readonly facts: object }[];
  readonly acts: readonly { readonly act: string; readonly refused?: string; readonly roll_back?: object }[];
}

async function summaryOf(fleet: RolloutFleet): Promise<Summary> {
  await server.server.services.checkIns.flush();
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}/summary`;
  const answer = await server.request("GET", path);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Summary;
}
const factsIn = ({ facts }: Summary) => Object.fromEntries(facts.map(({ code, facts: numbers }) => [code, numbers]));
const codesIn = ({ facts }: Summary) => facts.map(({ code }) => code);

test("a summary says from the polls how failed and updated devices are", async () => {
  const fleet = await RolloutFleet.make(server, 12);
  await addArtifact(server, "v0");
  await fleet.create({ waves: [{ count: 8, gate: GATE }, { rest: true }] });
  const begun = await fleet.poll();
  const [updated, failed, busy] = [begun.slice(0, 4), begun.slice(4, 7), begun.slice(7)];
  await fleet.report(updated, "success");
  await fleet.report(failed, "failure");
  await fleet.report(busy, "rebooting");
  await fleet.tick();
  const first = await summaryOf(fleet);
  expect(first.headline).toMatchObject({ code: "ON_COURSE", facts: { wave: 0, waves: 2, devices: 12, updated: 4 } });
  expect(factsIn(first)).toMatchObject({
    FAILED_UNHEARD: { devices: 3, failed: 3 },
    UPDATED_UNHEARD: { devices: 4, looked: 4, until: expect.any(Number) },
    UNDER_WAY: { devices: 1, waiting: 4 },
  });
  expect(codesIn(first)).toEqual(["FAILED_UNHEARD", "UPDATED_UNHEARD", "UNDER_WAY"]);

  // All poll: one of those that failed is broken, and one that was updated runs something else.
  await fleet.poll(updated.slice(0, 3), fleet.release);
  await fleet.poll(updated.slice(3), "v9");
  await fleet.poll(failed.slice(0, 2), "v0");
  await fleet.poll(failed.slice(2), "v0_INCONSISTENT");
  const second = await summaryOf(fleet);
  expect(factsIn(second)).toMatchObject({
    FAILED_INCONSISTENT: { devices: 1, failed: 3 },
    UPDATED_OTHER: { devices: 1, looked: 4 },
    UNDER_WAY: { devices: 1, waiting: 4 },
  });
  expect(codesIn(second)).toEqual(["FAILED_INCONSISTENT", "UPDATED_OTHER", "UNDER_WAY"]);

  await fleet.poll(updated.slice(3), fleet.release);
  await fleet.poll(failed.slice(2), "v0");
  expect(codesIn(await summaryOf(fleet))).toEqual(["FAILED_BACK", "UPDATED_WELL", "UNDER_WAY"]);

  // Two hours later, nobody has polled again.
  await query(
    server,
    `WITH s AS (UPDATE device_state SET check_in_at = check_in_at - interval '2 hours' WHERE device_id = ANY ($2))
      UPDATE device_deployments SET changed_at = changed_at - interval '2 hours',
      finished_at = finished_at - interval '2 hours' WHERE deployment_id = $1`,
    fleet.deployment,
    fleet.members.map(({ id }) => id),
  );
  expect(codesIn(await summaryOf(fleet))).toEqual(["UPDATED_SILENT", "UNDER_WAY_SILENT", "FAILED_BACK", "UNDER_WAY"]);
});

test("a summary names who stopped a rollout, and what can be done", async () => {
  const fleet = await RolloutFleet.make(server, 6);
  await addArtifact(server, "v0");
  await fleet.create({ waves: [{ count: 4, gate: GATE }, { rest: true }] });
  await fleet.report((await fleet.poll()).slice(0, 3), "success");
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}/acts`;
  await server.request("POST", path, { act: "pause" });
  const { headline, acts } = await summaryOf(fleet);
  expect(headline).toMatchObject({ code: "PAUSED", by: { email: expect.stringContaining("@") } });
  expect(Object.fromEntries(acts.map(({ act, refused }) => [act, refused ?? "possible"]))).toEqual({
    ...{ approve: "NOT_ASKED_FOR", pause: "PAUSED_BEFORE", resume: "possible", open_next: "STOPPED" },
    ...{
      skip_soak: "NOT_SOAKING",
      retry_failed: "NONE_FAILED",
      leave_out: "possible",
      abort: "possible",
      roll_back: "possible",
    },
  });
  expect(acts.at(-1)).toMatchObject({ roll_back: { release: "v0", devices: 4 } });
  await query(server, "DELETE FROM artifacts WHERE name = 'v0'");
  await query(server, "DELETE FROM releases WHERE name = 'v0'");
  expect((await summaryOf(fleet)).acts.at(-1)).toMatchObject({ act: "roll_back", refused: "RELEASE_UNKNOWN" });
});
