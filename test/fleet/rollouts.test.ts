import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import type { RolloutEstimate } from "../../src/protocol/api/rollout-estimates.ts";
import { RecordingIo } from "../support/recording-io.ts";

const ESTIMATE: RolloutEstimate = {
  outcome: { kind: "finishes", at: "2026-06-02T10:05:00.000Z", reasons: [] },
  begun: 12_000,
  waves: [
    { size: 120, opens_at: "2026-06-02T08:00:00.000Z", gate_met_at: "2026-06-02T08:40:00.000Z" },
    { size: 11_880, opens_at: "2026-06-02T09:00:00.000Z", ends_at: "2026-06-02T10:05:00.000Z" },
  ],
  peak: { devices_under_way: 1200, devices_per_minute: 120, bytes_per_second: 48e6 },
  supposed: {
    ...{ devices: 12_000, start_at: "2026-06-02T08:00:00.000Z", artifact_size: 24e6, poll_interval_s: 1800 },
    ...{ update_s: 600, download_s: 23.5, failure_pct: 0, approvals: 0 },
  },
  step_s: 15,
};
let home: string;
let server: Server;
let answer = ESTIMATE;
let asked: unknown;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "switchback-rollouts-"));
  writeFileSync(join(home, "plan.json"), '{"waves": [{"rest": true}]}');
  writeFileSync(join(home, "phases.json"), '{"phases": [{}], "max_devices": 7, "name": "n"}');
  writeFileSync(join(home, "list.json"), "[]");
  writeFileSync(join(home, "plan.yaml"), "waves: [{rest: true}]");
  server = createServer(async (request, response) => {
    asked = JSON.parse(Buffer.concat(await request.toArray()).toString());
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.close();
  rmSync(home, { recursive: true });
});

async function run(words: string, plan = "plan.json") {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const io = new RecordingIo(false, { HOME: home, SWITCHBACK_SERVER: url, SWITCHBACK_TOKEN: "t" });
  const all = `rollouts estimate --plan ${join(home, plan)} --release app-1 ${words}`;
  await runCommandLine(all.trim().split(" "), io);
  return { exit: io.exitCode, out: io.outLines, err: io.errLines };
}

test("an estimate is a table of its waves and what follows from them", async () => {
  const { exit, out } = await run("--all");
  expect(exit).toBe(0);
  // The time zone is that of the machine.
  const lines = out.map((line) =>
    line.replaceAll(/\w{3},? \d+ \w{3},? 2026,? (?:at )?\d\d:\d\d/g, "TIME").replace(/ +/g, " "),
  );
  expect(lines).toEqual([
    "WAVE DEVICES OPENS GATE MET PASSED ENDS",
    "1 of 2 120 TIME TIME",
    "2 of 2 11880 TIME TIME",
    "The rollout to 12,000 devices finishes TIME.",
    "At its peak, 1,200 devices are under way, 120 devices begin in a minute, and they download 48 MB/s.",
    "It supposes that each device polls every 1,800 s, that an update takes 600 s (24 s to download 24 MB), and that 0 % of the updates fail.",
    expect.stringMatching(/^Each time may be late by 15 s for each wave before it\. Times are in \S+\.$/),
  ]);
  expect(asked).toEqual({ rollout: { waves: [{ rest: true }] }, artifact_name: "app-1", all_devices: true });
});

test("options and Mender's phases reach the server, and --json gives its answer", async () => {
  const { out } = await run(
    "--group beta --start 2026-06-01T08:00:00Z --poll-interval 60 --update-time 90 --line-rate 5 --failures 2.5 --json",
    "phases.json",
  );
  expect(JSON.parse(out[0] ?? "")).toEqual(ESTIMATE);
  expect(asked).toEqual({
    ...{ phases: [{}], max_devices: 7, artifact_name: "app-1", group: "beta", start_at: "2026-06-01T08:00:00Z" },
    ...{ poll_interval_s: 60, update_s: 90, line_rate: 5, failure_pct: 2.5 },
  });
});

const PCT = { wave: 1, reading: 9.52, limit: 5, failed: 2, reports: 20, overdue: 1 };
for (const [kind, reasons, sentence] of [
  [
    "halts",
    [{ code: "FAILURE_PCT", facts: PCT }],
    /^The halt rule stops the rollout .* in wave 2 of 2: 9\.5 % of 21 reports are failures, and the limit is 5 %\.$/,
  ],
  [
    "halts",
    [{ code: "FAILURE_COUNT", facts: { ...PCT, reading: 1200 } }],
    /^The halt rule stops .*: 1,200 devices have failed, and the limit is 5\.$/,
  ],
  ["ends", [{ code: "EXPIRED", facts: {} }], /^The rollout ends .* with 12,000 of 12,000 devices: it expires\.$/],
  ["ends", [{ code: "LIMIT_REACHED", facts: {} }], /: no more devices may begin\.$/],
  [
    "waits",
    [{ code: "GATE", facts: { wave: 0, good: 99, of: 120, needed: 114 } }],
    /^From .* on, the rollout waits until a person acts: the gate of wave 1 of 2 needs 114 devices with the release, and there are 99\.$/,
  ],
  ["waits", [{ code: "DEVICES", facts: {} }], /waits until a person acts: DEVICES\.$/],
  ["goes_on", [], /^By .*, 12,000 of 12,000 devices have begun\. The estimate looks no further\.$/],
] as const)
  test(`an outcome is said in a sentence: ${kind} ${reasons[0]?.code ?? ""}`, async () => {
    answer = {
      ...ESTIMATE,
      outcome: { kind, at: ESTIMATE.outcome.at, reasons: [...reasons] },
      supposed: { ...ESTIMATE.supposed, approvals: 2 },
    };
    const { out } = await run("--devices 12000");
    expect(out[3]).toMatch(sentence);
    expect(out).toContain("2 approvals count as given.");
  });

for (const [words, plan, error] of [
  ["", "plan.json", /OPTION_INVALID: .*--all, --group, --devices/],
  ["--all --devices 3", "plan.json", /OPTION_INVALID: .*exactly one of them/],
  ["--all", "plan.yaml", /OPTION_INVALID: .*--plan.*not JSON/],
  ["--all", "list.json", /OPTION_INVALID: .*--plan.*a JSON object/],
  ["--all", "none.json", /FLEET_FILE: .*none\.json/],
  ["--devices 0", "plan.json", /whole number of at least 1/],
  ["--all --failures 101", "plan.json", /number from 0 to 100/],
] as const)
  test(`wrong input is refused before the server is asked: ${words} ${plan}`, async () => {
    asked = undefined;
    const { exit, err } = await run(words, plan);
    expect([exit === 0, asked]).toEqual([false, undefined]);
    expect(err.join("\n")).toMatch(error);
  });
