import { createPublicKey, verify } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { deployment, empty, file, token } from "../../support/answers.ts";
import { needs } from "../../support/needs.ts";
import { IS_WAITING, RealClientDevice, WAITS } from "../../support/real-client-device.ts";
import { type Recorded, ScriptedServer } from "../../support/scripted-server.ts";

const { test } = needs("mount", "namespaces");

let server: ScriptedServer;
let device: RealClientDevice;
beforeAll(async () => {
  server = await ScriptedServer.start();
  device = makeDevice();
});
afterAll(async () => {
  device.remove();
  await server.close();
});

function makeDevice(): RealClientDevice {
  const seconds = { UpdatePollIntervalSeconds: 1, InventoryPollIntervalSeconds: 3600, RetryPollIntervalSeconds: 1 };
  return new RealClientDevice({ ServerURL: server.url, DBus: { Enabled: false }, ...seconds });
}

interface Seen {
  /** The public key in one form, whichever client sent it. */
  readonly key: string;
  readonly identity: string;
  readonly name: unknown;
}

/** What the server has learnt about the device since it was last asked. */
function seenByServer(): Seen {
  const last = (path: RegExp): Recorded | undefined => server.requests.findLast((request) => path.test(request.path));
  const asked = JSON.parse(String(last(/auth_requests$/)?.body ?? "{}"));
  const attributes: { name: string; value: unknown }[] = JSON.parse(String(last(/attributes$/)?.body ?? "[]"));
  server.requests.length = 0;
  const key = createPublicKey(asked.pubkey).export({ type: "spki", format: "pem" }).toString();
  return { key, identity: asked.id_data, name: attributes.find(({ name }) => name === "artifact_name")?.value };
}

const hasInventory = (): boolean => server.requests.some(({ path }) => path.endsWith("/attributes"));
const bytesOf = (name: string): string => readFileSync(device.path(name), "latin1");
const facts = (name: string): unknown => {
  const { mode, uid, gid } = statSync(device.path(name));
  return { mode, uid, gid, content: bytesOf(name) };
};

test("a device of the real client is taken over, is the same for its server, takes an Artifact of the reference, and goes back", async () => {
  server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("status", empty(204));
  server.answer("next", empty(204)).answer("nextV1", empty(204));
  device.real("install", device.artifact("mod-1", "--provides", "site:north", "--provides-group", "alpha"));
  // An update that waits is refused by name, and the real client can still commit it.
  const refused = await device.ours("takeover");
  expect([refused.exitCode, refused.errLines[0]]).toEqual([1, expect.stringMatching(/TAKEOVER_PENDING.*mod-1/)]);
  device.real("commit");
  await device.realDaemon(hasInventory);
  const before = seenByServer();
  expect(before).toMatchObject({ identity: '{"mac":"00:11:22:33:44:55"}', name: "mod-1" });
  const provides = device.real("show-provides");
  const shared = ["data/mender-agent.pem", "data/mender-store", "etc/mender.conf", "data/device_type"];
  const files = shared.map(facts);

  const taken = await device.ours("takeover");
  expect([taken.exitCode, taken.errLines]).toEqual([0, []]);
  expect(shared.map(facts)).toEqual(files);
  expect(`${(await device.ours("show-provides")).outLines.join("\n")}\n`).toBe(provides);

  const release = device.artifact("mod-2", "--provides", "fresh:2");
  server.answer("next", deployment("d-1", "mod-2", `${server.url}/mod-2.mender`), empty(204));
  server.answer("/mod-2.mender", file(readFileSync(release)));
  expect((await device.ours("poll", "--now")).exitCode).toBe(0);
  const statuses = server.requests
    .filter(({ path }) => path.endsWith("/status"))
    .map(({ body }) => JSON.parse(String(body)));
  expect(statuses.at(-1)).toMatchObject({ status: "success" });
  const firstInventory = server.requests.find(({ path }) => path.endsWith("/attributes"));
  expect(JSON.parse(String(firstInventory?.body))).toContainEqual({ name: "artifact_name", value: "mod-1" });
  expect(seenByServer()).toEqual({ ...before, name: "mod-2" });
  const after = (await device.ours("show-provides")).outLines;
  expect(after).toEqual([
    "artifact_group=alpha",
    "artifact_name=mod-2",
    "fresh=2",
    "rootfs-image.testmod.version=mod-2",
    "site=north",
  ]);

  expect((await device.ours("takeover", "--undo")).exitCode).toBe(0);
  expect(device.real("show-artifact")).toBe("mod-2\n");
  expect(device.real("show-provides")).toBe(`${after.join("\n")}\n`);
  expect(bytesOf("data/mender-agent.pem")).toBe((files[0] as { content: string }).content);
  await device.realDaemon(hasInventory);
  expect(seenByServer()).toEqual({ ...before, name: "mod-2" });

  // The real client writes into the store that it has got back, and can be taken over again.
  device.real("install", device.artifact("mod-3"));
  device.real("commit");
  expect((await device.ours("takeover")).outLines).toContain("  artifact_name=mod-3");
});

test("while the real client's daemon runs, the takeover is refused by name", async () => {
  server.answer("next", empty(204));
  server.requests.length = 0;
  let refused: readonly string[] = [];
  let isAsked = false;
  await device.realDaemon(() => {
    if (!isAsked && server.requests.length > 0) {
      isAsked = true;
      void device.ours("takeover", "--undo").then(({ errLines }) => {
        refused = errLines;
      });
    }
    return refused.length > 0;
  });
  expect(refused[0]).toMatch(/TAKEOVER_RUNNING.*program=\/usr\/bin\/mender/);
});

test("a deployment of the real client's daemon is refused by name until the client has finished it", async () => {
  await device.ours("takeover", "--undo");
  writeFileSync(device.path(`data/${WAITS}`), "");
  const release = device.artifact("mod-4");
  server.answer("next", deployment("d-4", "mod-4", `${server.url}/mod-4.mender`), empty(204));
  server.answer("/mod-4.mender", file(readFileSync(release)));
  server.answer("log", empty(204));
  const told = (status: string): number =>
    server.requests.findIndex(({ path, body }) => path.endsWith("/status") && String(body).includes(`"${status}"`));
  const isOver = (): boolean =>
    told("failure") >= 0 && server.requests.slice(told("failure")).some(({ path }) => path.endsWith("/next"));
  server.requests.length = 0;
  await device.realDaemon(() => existsSync(device.path(`data/${IS_WAITING}`)));
  const { exitCode, errLines } = await device.ours("takeover");
  expect([exitCode, errLines[0]]).toEqual([1, expect.stringMatching(/TAKEOVER_PENDING.*key=state, artifact=mod-4/)]);
  rmSync(device.path(`data/${WAITS}`));
  // The client rolls back what a power cut has interrupted.
  await device.realDaemon(isOver);
  expect((await device.ours("takeover")).outLines).toContain("  artifact_name=mod-3");
});

test("a key that Switchback has made is the key of the real client, too", async () => {
  const other = makeDevice();
  try {
    server.answer("next", empty(204));
    expect((await other.ours("bootstrap")).exitCode).toBe(0);
    const { key } = seenByServer();
    await other.realDaemon(hasInventory);
    const asked = server.requests.find(({ path }) => path.endsWith("/auth_requests"));
    const signature = Buffer.from(String(asked?.headers["x-men-signature"]), "base64");
    expect(verify(null, asked?.body ?? Buffer.alloc(0), key, signature)).toBe(true);
    expect(seenByServer()).toMatchObject({ key, name: "release-0" });
  } finally {
    other.remove();
  }
});
