import { existsSync, rmSync, writeFileSync } from "node:fs";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { composeServer, type Server } from "../../../server/compose.ts";
import { IS_WAITING, RealClientDevice, WAITS } from "../../support/real-client-device.ts";
import { acceptPending, addDeployment, query, stateOf, upload } from "../../support/server/seed.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { TlsFront } from "../../support/server/tls-front.ts";

let first: TestServer;
let second: Server;
let front: TlsFront;
let device: RealClientDevice;

/** Two processes of a server on one database and one store, behind a proxy. */
beforeAll(async () => {
  front = new TlsFront();
  const publicUrl = await front.listen();
  first = await startTestServer({ publicUrl });
  const { databaseUrl } = first;
  const storage = { kind: "folder", folder: first.storage } as const;
  second = await composeServer({ databaseUrl, storage, publicUrl, log: pino({ level: "fatal" }), checkAnswers: true });
  front.passTo(first.url);
  const seconds = { UpdatePollIntervalSeconds: 1, InventoryPollIntervalSeconds: 1, RetryPollIntervalSeconds: 1 };
  device = new RealClientDevice({});
  const ServerCertificate = device.path("etc/server.crt");
  writeFileSync(ServerCertificate, front.cert);
  writeFileSync(
    device.path("etc/mender.conf"),
    JSON.stringify({ ServerURL: publicUrl, ServerCertificate, ...seconds }),
  );
});
afterAll(async () => {
  device.remove();
  await second.app.close();
  await second.close();
  await first.server.close();
  await front.close();
});

const deploy = async (name: string): Promise<string> => {
  await upload(first, device.artifact(name));
  const [row] = await query<{ id: string }>(first, "SELECT id FROM devices");
  return addDeployment(first, { release: name, devices: [row?.id ?? ""] });
};

const poll = async (): Promise<unknown> => {
  const { exitCode, errLines } = await device.ours("poll", "--now");
  return exitCode === 0 ? 0 : [exitCode, errLines.join("\n")];
};

test("our agent waits, is accepted, and updates; one of two servers goes in the middle, and the other one carries on", async () => {
  expect(await poll()).toEqual([1, expect.stringContaining("NOT_AUTHORIZED")]);
  await acceptPending(first);
  expect(await poll()).toBe(0);
  expect(await query(first, "SELECT artifact_name, device_type FROM inventory")).toEqual([
    { artifact_name: "release-0", device_type: "board-a" },
  ]);
  const updated = await deploy("release-1");
  expect(await poll()).toBe(0);
  expect(await stateOf(first, updated)).toEqual({ state: "finished", success: 1 });

  writeFileSync(device.path(`data/${WAITS}`), "");
  const survived = await deploy("release-2");
  const polled = poll();
  await expect.poll(() => existsSync(device.path(`data/${IS_WAITING}`))).toBe(true);
  expect(await stateOf(first, survived)).toEqual({ state: "inprogress", installing: 1 });
  front.passTo(await second.app.listen({ host: "127.0.0.1", port: 0 }));
  await first.server.app.close();
  rmSync(device.path(`data/${WAITS}`));
  expect(await polled).toBe(0);
  expect(await stateOf(first, survived)).toEqual({ state: "finished", success: 1 });
});
