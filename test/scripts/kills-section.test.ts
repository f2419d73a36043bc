import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { replaceSection } from "../../scripts/lib/crash-section.ts";
import { killsSection } from "../../scripts/lib/kills-section.ts";

const RESULT = {
  ...{ seed: 5, kills: 3, killed: { server: 1, PostgreSQL: 0, both: 2 }, backMs: [1000, 2000, 3040] },
  acked: { statuses: 11, logs: 2, uploads: 3, acceptances: 4, deployments: 5, acts: 6, events: 7 },
};

test("a recorded run says what was killed, what had been acknowledged, and how soon the server was back", () => {
  const section = killsSection(RESULT, "today");
  expect(section).toContain(
    "Measured today, seed 5: 3 kills (1 of the server, 0 of PostgreSQL, 2 of both); acknowledged by then: 11 statuses, " +
      "2 logs, 3 uploads, 4 acceptances, 5 deployments and 6 acts on their rollouts, with their audit records; 0 lost, " +
      "0 half there, no wave opened twice, all 7 events told; ready again after 2.0 s (median), 3.0 s at most.",
  );
});

test("the page has one place for it", () => {
  const page = replaceSection(readFileSync("docs/reliability.md", "utf8"), killsSection(RESULT, "today"));
  expect(page.split("<!-- server-killed: begin -->")).toHaveLength(2);
  expect(page.split("Measured today, seed 5")).toHaveLength(2);
});
