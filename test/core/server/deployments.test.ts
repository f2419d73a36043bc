import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDeploymentServer, nextDeployment } from "../../../src/core/server/deployments.ts";
import { deployment, empty, json, refusal, slowDown, token } from "../../support/answers.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { serverRig } from "./server-rig.ts";

const signal = new AbortController().signal;
const PROVIDES = { artifact_name: "v 1", device_type: "board-a", "rootfs-image.checksum": "c" };
const withDetail = (code: string, detail: object) =>
  expect.objectContaining({ code, detail: expect.objectContaining(detail) });

let folder: string;
let server: ScriptedServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-deployments-"));
  server = (await ScriptedServer.start()).answer("auth", token("t1"));
});
afterEach(async () => {
  await Promise.all([server.close(), rm(folder, { recursive: true })]);
});
const session = () => serverRig([server.url], join(folder, "key.pem")).session;
const next = () => nextDeployment(session(), PROVIDES, signal);

test("a poll contains all provides of the device, and 204 means that there is nothing", async () => {
  server.answer("next", empty(204));
  expect(await next()).toEqual({});
  expect(JSON.parse(server.of("next")[0]?.body.toString() ?? "")).toEqual({ device_provides: PROVIDES });
});

test("a deployment is known by its id and its address; unknown members do not disturb", async () => {
  server.answer("next", json(200, { id: "d1", new: 1, artifact: { source: { uri: "http://x/a", also: 2 } } }));
  expect(await next()).toEqual({ deployment: { id: "d1", artifact: { source: { uri: "http://x/a" } } } });
  server.answer("next", deployment("d2", "v2", "http://x/b"));
  expect(await next()).toMatchObject({
    deployment: { id: "d2", artifact: { artifact_name: "v2", source: { uri: "http://x/b" } } },
  });
});

test("an answer without a deployment may say when to come back", async () => {
  server.answer("next", empty(204, { "retry-after": "90" }));
  expect(await next()).toEqual({ comeBackMs: 90_000 });
});

test("a server that knows only the first version gets that form, tried anew at every poll", async () => {
  server.answer("nextV1", empty(204));
  const both = session();
  await nextDeployment(both, PROVIDES, signal);
  await nextDeployment(both, PROVIDES, signal);
  expect(server.conversation).toEqual(["auth", "next", "nextV1", "next", "nextV1"]);
  expect(server.of("nextV1")[0]?.path.replace(/.*\?/, "")).toBe("artifact_name=v+1&device_type=board-a");
});

test.each<[string, Responder, object]>([
  ["409", refusal(409, "device provides changed"), { status: 409, reason: "device provides changed" }],
  ["400", refusal(400), { status: 400 }],
  ["500 with a page of HTML", (exchange) => void exchange.response.writeHead(500).end("<html>"), { status: 500 }],
  ["429", slowDown(3), { status: 429, retryAfterMs: 3_000 }],
  ["429 with a date", slowDown(new Date(Date.now() + 3_600_000)), { status: 429, retryAfterMs: expect.any(Number) }],
  ["a redirect", empty(302, { location: "/elsewhere" }), { status: 302 }],
])("%s in answer to a poll is a failure that says so", async (_what, answer, detail) => {
  server.answer("next", answer);
  await expect(next()).rejects.toThrow(withDetail("SERVER_STATUS", detail));
});

test("404 in both forms is a failure", async () => {
  await expect(next()).rejects.toThrow(withDetail("SERVER_STATUS", { status: 404 }));
});

test.each([[{}], [{ id: "", artifact: { source: { uri: "u" } } }], [{ id: "d", artifact: { source: {} } }], ["text"]])(
  "an answer that is no deployment is a failure: %j",
  async (value) => {
    server.answer("next", json(200, value));
    await expect(next()).rejects.toThrow(expect.objectContaining({ code: "SERVER_ANSWER" }));
  },
);

test("a status is accepted, or the deployment is aborted, or it was not delivered", async () => {
  server.answer("status", empty(204), refusal(409), refusal(404), slowDown(5));
  const { report } = createDeploymentServer(session());
  expect(await report("d 1", "installing", signal)).toBe("accepted");
  expect(await report("d1", "installing", signal)).toBe("aborted");
  await expect(report("d1", "installing", signal)).rejects.toThrow(withDetail("SERVER_STATUS", { status: 404 }));
  await expect(report("d1", "installing", signal)).rejects.toThrow(
    withDetail("SERVER_STATUS", { retryAfterMs: 5_000 }),
  );
  const [first] = server.of("status");
  expect([first?.path, first?.body.toString()]).toEqual([
    "/api/devices/v1/deployments/device/deployments/d%201/status",
    '{"status":"installing"}',
  ]);
});

test("a log is delivered, and one that is too large is a permanent failure", async () => {
  server.answer("log", empty(204), empty(413), refusal(503));
  const { uploadLog } = createDeploymentServer(session());
  const messages = [{ level: "info", message: "m", timestamp: "2026-11-21T20:36:29Z" }];
  await uploadLog("d1", messages, signal);
  expect(JSON.parse(server.of("log")[0]?.body.toString() ?? "")).toEqual({ messages });
  await expect(uploadLog("d1", messages, signal)).rejects.toThrow(
    expect.objectContaining({ code: "SERVER_LOG_TOO_LARGE" }),
  );
  await expect(uploadLog("d1", messages, signal)).rejects.toThrow(withDetail("SERVER_STATUS", { status: 503 }));
});

test("after the token has been dropped the server is reached with a new one", async () => {
  server.answer("status", empty(204));
  const { report, forgetToken } = createDeploymentServer(session());
  await report("d1", "rebooting", signal);
  server.answer("auth", token("t2"));
  await forgetToken();
  await report("d1", "installing", signal);
  expect(server.conversation).toEqual(["auth", "status rebooting", "auth", "status installing"]);
  expect(server.of("status")[1]?.headers.authorization).toBe("Bearer t2");
});
