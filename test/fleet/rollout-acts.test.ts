import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import type { RolloutDetails } from "../../src/protocol/api/rollout-views.ts";
import { RecordingIo } from "../support/recording-io.ts";

const ROLLOUT: RolloutDetails = {
  ...{ id: "r", name: "july", artifact_name: "app-2", state: "running", rev: 7, created: "2026-06-01T08:00:00Z" },
  totals: { updated: 3, failed: 1, had: 0, unfit: 0, left: 0, under_way: 2, waiting: 4, left_out: 0 },
  ...{ device_count: 10, waves_open: 1, waves: 2, wave_list: [], waits: [], approved_by: [] },
  plan: { waves: [{ rest: true }], priority: 0 },
};
let home: string;
let server: Server;
/** What the server has of the rollout, and what it was asked to do. */
let rollout = ROLLOUT;
let asked: Record<string, unknown>[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "switchback-rollout-acts-"));
  server = createServer(async (request, response) => {
    const text = Buffer.concat(await request.toArray()).toString();
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.method === "GET") return answer(200, rollout);
    const body = JSON.parse(text) as { act: string; dry_run: boolean; expect?: { rev: number } };
    asked.push(body);
    if (body.expect !== undefined && body.expect.rev !== rollout.rev) {
      rollout = { ...rollout, totals: { ...rollout.totals, failed: 5 } };
      return answer(409, { error: "The rollout is not as you saw it.", code: "ROLLOUT_MOVED_ON" });
    }
    return answer(200, { act: body.act, dry_run: body.dry_run, decisions: [], effects: [], rollout });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.close();
  rmSync(home, { recursive: true });
});

async function run(...words: readonly string[]) {
  rollout = ROLLOUT;
  asked = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const io = new RecordingIo(false, { HOME: home, SWITCHBACK_SERVER: url, SWITCHBACK_TOKEN: "t" });
  await runCommandLine(["rollouts", ...words], io);
  return { exit: io.exitCode, out: io.outLines, err: io.errLines };
}

const SEEN =
  "Revision 7. The rollout is running, in wave 1 of 2: 3 devices with the release, 1 failed, 2 under way, 4 waiting.";

test("an act sends the revision and the numbers that it has shown", async () => {
  expect(await run("pause", "r")).toEqual({ exit: 0, out: [SEEN, "Done: pause."], err: [] });
  expect(asked).toEqual([{ act: "pause", dry_run: false, expect: { rev: 7, totals: ROLLOUT.totals } }]);
});

test("a dry run shows the revision to act on, and expects nothing", async () => {
  const { out } = await run("open-next", "r", "--dry-run");
  expect(out.at(-1)).toBe("To do so only if nothing has been decided meanwhile: open-next --revision 7");
  expect(asked).toEqual([{ act: "open_next", dry_run: true }]);
});

test("an act on an older revision is refused, and the new numbers are shown", async () => {
  const { exit, err } = await run("abort", "r", "--revision", "5");
  expect(exit).not.toBe(0);
  expect(err[0]).toBe(SEEN.replace("1 failed", "5 failed"));
  expect(err.join(" ")).toContain("ROLLOUT_MOVED_ON");
  expect(asked).toMatchObject([{ expect: { rev: 5 } }]);
});

test("a revision is a number", async () => {
  expect((await run("abort", "r", "--revision", "x")).exit).not.toBe(0);
  expect(asked).toEqual([]);
});
