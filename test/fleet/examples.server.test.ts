import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandLine, runCommandLine } from "../../fleet/cli/command-line.ts";
import { simulate } from "../../fleet/simulate/simulate.ts";
import { helpParts, leavesOf, pathOf } from "../../scripts/lib/command-tree.ts";
import { totpCode, totpStep } from "../../server/domain/authentication/totp.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { makeArtifact } from "../support/server/artifacts.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";
import { type Receiver, startReceiver } from "../support/server/webhook-receiver.ts";

const FLEET = {
  ...{ connections: 4, rampS: 0, intervalS: 1, tenantToken: undefined, deviceType: "simulated", failures: 0 },
  ...{ stepS: 0, download: true, attributes: 2, seed: "fleet", ca: undefined },
};

let server: TestServer;
let receiver: Receiver;
let home: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  server = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  receiver = await startReceiver();
  home = mkdtempSync(join(tmpdir(), "switchback-fleet-"));
});
afterAll(async () => {
  await server.close();
  await receiver.close();
  rmSync(home, { recursive: true, force: true });
});

interface Ended {
  readonly exit: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

async function run(...words: readonly string[]): Promise<Ended> {
  const env = { HOME: home, SWITCHBACK_SERVER: server.url };
  const io = new RecordingIo(false, env);
  await runCommandLine(words, io);
  return { exit: io.exitCode, out: io.outLines, err: io.errLines };
}

/** Runs a command that must succeed. */
async function done(...words: readonly string[]): Promise<readonly string[]> {
  const { exit, out, err } = await run(...words);
  expect({ words, exit, err: exit === 0 ? [] : err }).toEqual({ words, exit: 0, err: [] });
  return out;
}

test("an operator logs in, and the login holds for later commands", async () => {
  writeFileSync(join(home, "password"), "correct horse battery\n");
  await done("login", "--username", "admin@example.com", "--password-file", join(home, "password"));
  expect(await done("users", "list")).toEqual([
    expect.stringContaining("EMAIL"),
    expect.stringContaining("admin@example.com"),
  ]);
});

test("a simulated fleet asks to join, and is accepted with one command", async () => {
  const first = simulate(
    { ...FLEET, url: new URL(server.url), devices: 5, durationS: 3 },
    new AbortController().signal,
  );
  const { counts } = await first.ended;
  expect(counts["authentication: 401"]).toBeGreaterThanOrEqual(5);
  const pending = await done("devices", "list", "--status", "pending", "--json");
  expect(JSON.parse(pending[0] ?? "")).toHaveLength(5);
  expect((await run("devices", "accept", "--all-pending")).err.at(-1)).toMatch(/is accepted\.$/);
  const accepted = JSON.parse((await done("devices", "list", "--status", "accepted", "--json"))[0] ?? "");
  expect(accepted).toHaveLength(5);
  ids["DEVICE_ID"] = accepted[0].id;
});

test("an Artifact is uploaded, listed, and downloaded as it was", async () => {
  const path = join(home, "release-7.mender");
  writeFileSync(path, await makeArtifact({ name: "release-7", deviceTypes: ["simulated"] }));
  const [id = ""] = await done("artifacts", "upload", path);
  ids["ARTIFACT_ID"] = id;
  expect((await done("artifacts", "list")).join("\n")).toContain("release-7");
  await done("artifacts", "download", id, "--output", join(home, "copy.mender"));
  expect(readFileSync(join(home, "copy.mender")).equals(readFileSync(path))).toBe(true);
});

test("a deployment reaches the fleet: who fails is counted, and leaves a log", async () => {
  const [id = ""] = await done("deployments", "create", "--name", "july", "--release", "release-7", "--all");
  ids["DEPLOYMENT_ID"] = id;
  const stop = new AbortController();
  const fleet = simulate(
    { ...FLEET, url: new URL(server.url), devices: 5, durationS: undefined, failures: 0.5 },
    stop.signal,
  );
  const watched = await run("deployments", "watch", id, "--interval", "1");
  stop.abort();
  const { counts } = await fleet.ended;
  const failed = counts["deployments: failed"] ?? 0;
  expect([counts["deployments: installed"], watched.exit]).toEqual([5 - failed, failed === 0 ? 0 : 3]);
  const shown = JSON.parse((await done("deployments", "show", id, "--json"))[0] ?? "");
  expect([shown.status, shown.counts.success, shown.counts.failure]).toEqual(["finished", 5 - failed, failed]);
  expect(failed).toBeGreaterThan(0);
  const rows = await server.request("GET", `/api/management/v1/deployments/deployments/${id}/devices`);
  const device = ((await rows.json()) as { id: string; status: string }[]).find(({ status }) => status === "failure");
  ids["FAILED_ID"] = device?.id ?? "";
  expect((await done("deployments", "logs", id, device?.id ?? "")).join("\n")).toContain("no space left on device");
});

/** Puts an accepted device into the group of the examples. */
async function inGroup(): Promise<void> {
  await run("devices", "accept", ids["DEVICE_ID"] ?? "");
  await run("groups", "add", "beta", ids["DEVICE_ID"] ?? "");
}

function writePlan(): void {
  const waves = [{ percent: 10, gate: { success_pct: 90, soak_s: 3600 } }, { rest: true }];
  writeFileSync(join(home, "plan.json"), JSON.stringify({ waves, halt: { failure_pct: 5 } }));
}

/** A rollout in which the act of the example is possible. */
async function makeRollout(example: string): Promise<void> {
  const isApprove = example.includes("approve");
  const plan = {
    waves: [{ percent: 20, gate: { success_pct: 0, soak_s: 3600 } }, { rest: true }],
    ...(isApprove && { approvals: 1 }),
  };
  writeFileSync(join(home, "own-plan.json"), JSON.stringify(plan));
  const words = ["--release", "release-7", "--all", "--force", "--plan", join(home, "own-plan.json")];
  const [id = ""] = await done("deployments", "create", "--name", example, ...words);
  ids["ROLLOUT_ID"] = id;
  if (example.includes("resume")) await done("rollouts", "pause", id);
  if (example.includes("watch")) await done("rollouts", "abort", id);
  if (example.includes("--without"))
    await query(
      server,
      "UPDATE inventory SET attributes = jsonb_set(attributes, '{inventory}', $1)",
      JSON.stringify({ hardware: "rev-b", site: "antwerp-1" }),
    );
  if (isApprove) await query(server, `UPDATE rollouts SET memory = memory || '{"author": "another"}'`);
  if (example.includes("retry-failed")) await failOne(id);
}

/** A device of the rollout has failed. */
async function failOne(rollout: string): Promise<void> {
  const { id: tenant } = server.tenant;
  await query(
    server,
    `INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status, wave)
      SELECT $1, $2, device_id, 'failure', 0 FROM device_state WHERE tenant_id = $1 LIMIT 1`,
    ...[tenant, rollout],
  );
  await query(
    server,
    "INSERT INTO deployment_counts (tenant_id, deployment_id, status, wave, shard, n) VALUES ($1, $2, 'failure', 0, 0, 1)",
    ...[tenant, rollout],
  );
}

/** A release that another person has promoted, and that waits for the channel of the examples. */
async function waitForChannel(): Promise<void> {
  await done("channels", "set", "stable", "--approvals", "1");
  await done("channels", "promote", "stable", "release-7");
  await query(server, `UPDATE promotions SET by = '{"id": "another", "email": "grace@example.com"}'`);
}

/** The user of the examples: the one that an example adds, or before that the administrator. */
async function findGrace(): Promise<void> {
  const users = JSON.parse((await done("users", "list", "--json"))[0] ?? "") as { id: string; email: string }[];
  ids["USER_ID"] = (users.find(({ email }) => email === "grace@example.com") ?? users[0])?.id ?? "";
}

/** What makes the situation of an example, where it is not the one that the tests above have left. */
const BEFORE: Readonly<Record<string, () => Promise<void>>> = {
  "devices accept DEVICE_ID": async () => void (await done("devices", "reject", ids["DEVICE_ID"] ?? "")),
  "devices preauthorize": async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    writeFileSync(join(home, "device.pub"), publicKey.export({ type: "spki", format: "pem" }));
  },
  "rollouts estimate": async () => writePlan(),
  "channels set stable": async () => void (await run("channels", "set", "beta")),
  "channels promote": async () => void (await run("channels", "set", "beta")),
  "channels follow": async () => {
    await run("channels", "set", "beta");
    await run("groups", "create", "old-boards", "--filter", "type:board-1");
  },
  "channels approve": waitForChannel,
  "channels reject": waitForChannel,
  "keys add": async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    writeFileSync(join(home, "signing.pub"), publicKey.export({ type: "spki", format: "pem" }));
  },
  "groups show": inGroup,
  "groups count": inGroup,
  "deployments create": async () => {
    await run("groups", "create", "old-boards", "--filter", "type:board-1");
    writePlan();
    await inGroup();
  },
  "artifacts delete": async () => {
    const running = ["pending", "inprogress"].map((status) =>
      done("deployments", "list", "--status", status, "--json"),
    );
    const found = (await Promise.all(running)).flatMap(([json = ""]) => JSON.parse(json) as { id: string }[]);
    for (const { id } of found) await run("deployments", "abort", id);
  },
  "deployments logs": async () => {
    ids["DEVICE_ID"] = ids["FAILED_ID"] ?? "";
  },
  "users show": findGrace,
  "users set-roles": findGrace,
  "users reset-password": findGrace,
  "password set": async () => {
    const [made = "{}"] = await done("users", "invite", `p${Math.random()}@example.com`, "--json");
    ids["PASSWORD_LINK"] = (JSON.parse(made) as { link: string }).link;
  },
  "users delete": findGrace,
  "audit verify": async () => {
    ids["ANCHOR"] = (await done("audit", "verify"))[1] ?? "";
  },
  enrolment: async () => {
    writeFileSync(join(home, "serials.csv"), "1001,board\n1002,board\n");
    const [id = ""] = await done("enrolment", "add-rule", `r${Math.random()}`, "--identity", "none=none");
    ids["RULE_ID"] = id;
    await done("enrolment", "create-token", "of the examples");
    const [tokens = "[]"] = await done("enrolment", "tokens", "--json");
    ids["ENROLMENT_TOKEN_ID"] = (JSON.parse(tokens) as { id: string }[])[0]?.id ?? "";
  },
  webhooks: async () => {
    writeFileSync(join(home, "webhook.key"), "00112233\n");
    const [id = ""] = await done("webhooks", "add", receiver.url, "--description", "of the examples");
    ids["WEBHOOK_ID"] = id;
  },
  "second-factor set-up": async () => void (await query(server, "DELETE FROM second_factors")),
  "second-factor verify": async () => {
    await query(server, "DELETE FROM second_factors");
    await done("second-factor", "set-up");
    const [row] = await query<{ secret: Buffer; now: number }>(
      ...([server, "SELECT secret, extract(epoch FROM now())::float8 AS now FROM second_factors"] as const),
    );
    ids["CODE"] = totpCode(row?.secret ?? Buffer.alloc(0), totpStep(row?.now ?? 0));
  },
  "second-factor reset": async () => {
    await run("users", "add", "reset@example.com", "--password-file", join(home, "password"));
    const users = JSON.parse((await done("users", "list", "--json"))[0] ?? "") as { id: string; email: string }[];
    ids["USER_ID"] = users.find(({ email }) => email === "reset@example.com")?.id ?? "";
  },
  providers: async () => {
    const shown = JSON.parse((await done("providers", "list", "--json"))[0] ?? "[]") as { id: string }[];
    for (const { id } of shown) await done("providers", "remove", id);
    const settings = { issuer: "https://id.example.com", client_id: "switchback", default_roles: [] };
    writeFileSync(join(home, "provider.json"), JSON.stringify({ name: "Works", settings }));
    ids["PROVIDER_ID"] = (await done("providers", "add", join(home, "provider.json")))[0] ?? "";
  },
  "providers add": async () => void (await done("providers", "remove", ids["PROVIDER_ID"] ?? "")),
  "sessions list": findGrace,
  "sessions revoke-all": findGrace,
  "sessions revoke SESSION_ID": async () => {
    await logIn(server.url, "admin@example.com", "correct horse battery");
    const sessions = JSON.parse((await done("sessions", "list", "--json"))[0] ?? "") as {
      id: string;
      current: boolean;
    }[];
    ids["SESSION_ID"] = sessions.find(({ current }) => !current)?.id ?? "";
  },
  "tokens revoke": async () => {
    const tokens = JSON.parse((await done("tokens", "list", "--json"))[0] ?? "") as { id: string }[];
    ids["TOKEN_ID"] = tokens[0]?.id ?? "";
  },
};

/** Examples that end what later ones need come last, and these are shown to work by the tests above, or by watching.server.test.ts: they do not end by themselves. */
const LAST = ["groups delete", "deployments abort", "artifacts delete", "devices decommission", "logout"];
const ABOVE = [
  "events watch --topics",
  "login",
  "simulate",
  "artifacts upload",
  "deployments create --name july --release release-7 --device",
];

const EXAMPLES = leavesOf(commandLine(new RecordingIo()))
  .flatMap((command) => helpParts(command).examples.map((example) => ({ path: pathOf(command), example })))
  .map(({ path, example }) => ({ path, example: example.replace(/^switchback-fleet /, "") }))
  .toSorted((a, b) => LAST.indexOf(a.path) - LAST.indexOf(b.path));

for (const { example } of EXAMPLES.filter(({ example: line }) => !ABOVE.some((start) => line.startsWith(start))))
  test(`the example works: ${example}`, async () => {
    for (const [start, make] of Object.entries(BEFORE)) if (example.startsWith(start)) await make();
    if (example.includes("ROLLOUT_ID")) await makeRollout(example);
    const words = [...example.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    // The first word may be the name of a command, `password`.
    const known = words.map(
      (word, at) => ids[word] ?? (at > 0 && /\.(?:pub|mender)$|^password$/.test(word) ? join(home, word) : word),
    );
    const folder = process.cwd();
    process.chdir(home);
    try {
      if (example.startsWith("deployments abort")) {
        const [id = ""] = await done(
          "deployments",
          "create",
          "--name",
          "n",
          "--release",
          "release-7",
          "--all",
          "--force",
        );
        known[known.indexOf(ids["DEPLOYMENT_ID"] ?? "")] = id;
      }
      // The deployment that the tests above have watched ended with a device that failed.
      if (example.startsWith("rollouts watch")) expect((await run(...known)).exit).toBe(4);
      else if (example.startsWith("deployments watch")) expect((await run(...known)).exit).toBe(3);
      else await done(...known);
    } finally {
      process.chdir(folder);
    }
  });
