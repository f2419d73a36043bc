import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DeviceApi } from "../../qemu/server/device-api.ts";

const V1 = "/api/devices/v1/deployments/device/deployments";
const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const INVENTORY = "/api/devices/v1/inventory/device/attributes";
const never = new AbortController().signal;

let api: DeviceApi;
beforeEach(async () => {
  api = await DeviceApi.start();
});
afterEach(() => api.close());

type Init = Readonly<Record<string, unknown>>;

/** A request from the host, which reaches the server under its own address. */
async function ask(method: string, path: string, body?: unknown, headers: Init = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(`${api.url.replace("10.0.2.2", "127.0.0.1")}${path}`, {
    method,
    headers: headers as Record<string, string>,
    ...(body !== undefined && { body: text }),
  });
  return { status: answer.status, text: await answer.text() };
}

function request(publicKey: KeyObject, privateKey: KeyObject, digest: string | null) {
  const pubkey = publicKey.export({ type: "spki", format: "pem" });
  const body = JSON.stringify({ id_data: '{"mac":"02:00:00:00:00:01"}', pubkey });
  return { body, headers: { "x-men-signature": sign(digest, Buffer.from(body), privateKey).toString("base64") } };
}

async function accepted(): Promise<Init> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { body, headers } = request(publicKey, privateKey, null);
  const { text } = await ask("POST", "/api/devices/v1/authentication/auth_requests", body, headers);
  return { authorization: `Bearer ${text}` };
}

test.each([
  ["RSA", "sha256", () => generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["ECDSA", "sha256", () => generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["Ed25519", null, () => generateKeyPairSync("ed25519")],
])(
  "a device with a key of type %s is accepted, and refused with the signature of another body",
  async (_, digest, make) => {
    const { publicKey, privateKey } = make();
    const { body, headers } = request(publicKey, privateKey, digest);
    const path = "/api/devices/v1/authentication/auth_requests";
    expect((await ask("POST", path, body, headers)).status).toBe(200);
    expect((await ask("POST", path, `${body} `, headers)).status).toBe(401);
    expect((await ask("POST", path, body)).status).toBe(401);
  },
);

test("without a token of this server, nothing is served; a forgotten device must ask again", async () => {
  const device = await accepted();
  expect((await ask("POST", NEXT, {})).status).toBe(401);
  expect((await ask("POST", NEXT, {}, { authorization: "Bearer x" })).status).toBe(401);
  expect((await ask("POST", NEXT, {}, device)).status).toBe(204);
  expect((await ask("GET", "/api/devices/v1/none", undefined, device)).status).toBe(404);
  api.forget();
  expect((await ask("POST", NEXT, {}, device)).status).toBe(401);
});

test("an inventory replaces the one before, and a patch adds to it", async () => {
  const device = await accepted();
  await ask("PUT", INVENTORY, [{ name: "device_type", value: "b" }], device);
  await ask("PUT", INVENTORY, [{ name: "artifact_name", value: "v1" }], device);
  await ask("PATCH", INVENTORY, [{ name: "mac", value: "02" }], device);
  expect(api.inventory).toEqual({ artifact_name: "v1", mac: "02" });
  expect((await ask("PUT", INVENTORY, "[", device)).status).toBe(400);
});

test("a deployment is offered until it has ended, waits at its gates, and keeps what the device tells", async () => {
  const device = await accepted();
  const deployment = api.deploy("v2", "http://10.0.2.2:1/0.mender", ["b"]);
  const offered = JSON.parse((await ask("POST", NEXT, {}, device)).text);
  expect(offered).toMatchObject({
    id: deployment.id,
    artifact: { artifact_name: "v2", source: { uri: "http://10.0.2.2:1/0.mender" }, device_types_compatible: ["b"] },
  });
  expect(JSON.parse((await ask("GET", `${V1}/next?artifact_name=v1`, undefined, device)).text)).toMatchObject({
    id: deployment.id,
  });
  const report = (status: string) => ask("PUT", `${V1}/${deployment.id}/status`, { status }, device);
  expect((await report("downloading")).status).toBe(204);
  expect((await report("installing")).status).toBe(204);
  expect((await report("installing")).status).toBe(204);
  for (const [status, gate] of [["rebooting", "reboot"] as const, ["installing", "commit"] as const]) {
    let isThrough = false;
    const held = report(status).then((answer) => {
      isThrough = true;
      return answer;
    });
    expect(await api.until(() => deployment.statuses.at(-1) === status, 20_000, never)).toBe(true);
    expect(await api.until(() => isThrough, 20, never)).toBe(false);
    api.open(gate);
    expect((await held).status).toBe(204);
  }
  expect((await report("failure")).status).toBe(204);
  const log = { messages: [{ timestamp: "2026-01-01T00:00:00Z", level: "error", message: "no" }] };
  expect((await ask("PUT", `${V1}/${deployment.id}/log`, log, device)).status).toBe(204);
  expect((await ask("PUT", `${V1}/other/status`, { status: "success" }, device)).status).toBe(404);
  expect(deployment.isLeft).toBe(false);
  expect((await ask("POST", NEXT, {}, device)).status).toBe(204);
  const { statuses, log: lines, end, isLeft } = deployment;
  expect({ statuses, lines, end, isLeft }).toEqual({
    statuses: ["downloading", "installing", "rebooting", "installing", "failure"],
    ...{ lines: ["2026-01-01T00:00:00Z error: no"], end: "failure", isLeft: true },
  });
});

test.each(["before", "while"])(
  "a device is told of a cancelled deployment that it asks about %s it is held",
  async (when) => {
    const device = await accepted();
    const deployment = api.deploy("v2", "http://10.0.2.2:1/0.mender", ["b"]);
    if (when === "before") api.abort("reboot");
    const answer = ask("PUT", `${V1}/${deployment.id}/status`, { status: "rebooting" }, device);
    await api.until(() => deployment.isOnTrial, 20_000, never);
    if (when === "while") api.abort("reboot");
    expect((await answer).status).toBe(409);
    expect((await ask("PUT", `${V1}/${deployment.id}/status`, { status: "failure" }, device)).status).toBe(409);
    expect([deployment.end, (await ask("POST", NEXT, {}, device)).status]).toEqual(["aborted", 204]);
  },
);
