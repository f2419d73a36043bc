import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect } from "vitest";
import { decommissionDevice } from "../../../server/adapters/postgres/device-status.ts";
import { abortDeployment } from "../../../server/adapters/postgres/end-deployments.ts";
import { WholeDeployment } from "../../../server/adapters/postgres/sight.ts";
import { needs } from "../../support/needs.ts";
import { IS_WAITING, RealClientDevice, WAITS } from "../../support/real-client-device.ts";
import { acceptPending, addDeployment, query, stateOf, upload } from "../../support/server/seed.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { TlsFront } from "../../support/server/tls-front.ts";

const { test } = needs("root", "mount", "namespaces");

let server: TestServer;
let front: TlsFront;
let device: RealClientDevice;

beforeAll(async () => {
  front = new TlsFront();
  const url = await front.listen();
  server = await startTestServer({ publicUrl: url });
  front.passTo(server.url);
  const seconds = { UpdatePollIntervalSeconds: 1, InventoryPollIntervalSeconds: 5, RetryPollIntervalSeconds: 1 };
  device = new RealClientDevice({
    ServerURL: url,
    ServerCertificate: "/etc/mender/server.crt",
    TenantToken: server.tenant.token,
    DBus: { Enabled: false },
    ...seconds,
  });
  writeFileSync(device.path("etc/server.crt"), front.cert);
  newKey();
});
afterAll(async () => {
  device.remove();
  await server.close();
  await front.close();
});

/** The client would need seconds to make one. */
function newKey(): void {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(device.path("data/mender-agent.pem"), privateKey.export({ type: "pkcs1", format: "pem" }), {
    mode: 0o600,
  });
}

/** A module that installs nothing and fails. */
const FAILS = `#!/bin/sh
case $1 in
  ArtifactInstall) echo "the module says no" >&2; exit 1 ;;
  NeedsArtifactReboot) echo No ;;
  SupportsRollback) echo Yes ;;
esac
`;

const idOfDevice = async (): Promise<string> =>
  (await query<{ id: string }>(server, "SELECT id FROM devices"))[0]?.id ?? "";
const statusesOfSets = async (): Promise<string[]> =>
  (await query<{ status: string }>(server, "SELECT status FROM auth_sets ORDER BY created_at")).map(
    ({ status }) => status,
  );

async function deploy(name: string, ...options: string[]): Promise<string> {
  await upload(server, device.artifact(name, ...options));
  return addDeployment(server, { release: name, devices: [await idOfDevice()] });
}

const LONG = { timeout: 120_000 };

/** Runs the daemon while `work` drives what it meets. */
async function withDaemon(work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const daemon = device.realDaemon(() => isOver, 280_000);
  try {
    await work();
  } catch (error) {
    throw new Error(readFileSync(device.path("log"), "utf8"), { cause: error });
  } finally {
    isOver = true;
    await daemon;
  }
}

test("the real client waits, is accepted, updates, fails with its log, is aborted, resumes a download", async () => {
  writeFileSync(device.path("share/modules/v3/failmod"), FAILS, { mode: 0o755 });
  await withDaemon(async () => {
    await expect.poll(statusesOfSets, LONG).toEqual(["pending"]);
    await acceptPending(server);
    await expect
      .poll(
        () => query(server, "SELECT attributes->'inventory'->>'artifact_name' AS name, device_type FROM inventory"),
        LONG,
      )
      .toEqual([{ name: "release-0", device_type: "board-a" }]);

    const first = await deploy("release-1");
    await expect.poll(() => stateOf(server, first), LONG).toEqual({ state: "finished", success: 1 });

    const failing = await deploy("release-2", "-T", "failmod");
    await expect.poll(() => stateOf(server, failing), LONG).toEqual({ state: "finished", failure: 1 });
    const logOf = async (id: string): Promise<string> => {
      const [row] = await query<{ messages: Buffer }>(
        server,
        "SELECT messages FROM deployment_logs WHERE deployment_id = $1",
        id,
      );
      return row === undefined ? "" : gunzipSync(row.messages).toString();
    };
    await expect.poll(() => logOf(failing), LONG).toContain("the module says no");

    writeFileSync(device.path(`data/${WAITS}`), "");
    const aborted = await deploy("release-3");
    await expect.poll(() => existsSync(device.path(`data/${IS_WAITING}`)), LONG).toBe(true);
    await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
      abortDeployment(session, server.tenant.id, WholeDeployment.byPlan(aborted)),
    );
    rmSync(device.path(`data/${WAITS}`));
    const said = (): string => readFileSync(device.path("log"), "utf8");
    await expect.poll(said, LONG).toContain("deployment was aborted");
    expect(await stateOf(server, aborted)).toEqual({ state: "aborted", aborted: 1 });

    writeFileSync(device.path("payload"), randomBytes(64 * 1024));
    front.cutNextDownload(30_000);
    front.downloads.length = 0;
    const resumed = await deploy("release-4");
    await expect.poll(() => stateOf(server, resumed), LONG).toEqual({ state: "finished", success: 1 });
    expect(front.downloads[0]).toBe("whole");
    expect(front.downloads[1]).toMatch(/^bytes=[1-9]\d*-/);
  });
});

test("the real client with a new key waits again, and begins anew when it was decommissioned", async () => {
  newKey();
  await withDaemon(async () => {
    await expect.poll(statusesOfSets, LONG).toEqual(["accepted", "pending"]);
    await acceptPending(server);
    expect(await statusesOfSets()).toEqual(["rejected", "accepted"]);
    const updated = await deploy("release-5");
    await expect.poll(() => stateOf(server, updated), LONG).toEqual({ state: "finished", success: 1 });
    const before = await idOfDevice();
    await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
      decommissionDevice(session, server.tenant.id, before),
    );
    await expect.poll(statusesOfSets, LONG).toEqual(["pending"]);
    expect(await idOfDevice()).not.toBe(before);
  });
});
