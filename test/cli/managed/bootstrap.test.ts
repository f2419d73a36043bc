import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { empty, refusal, token } from "../../support/answers.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
let server: ScriptedServer;
beforeEach(async () => {
  board = await TestBoard.make();
  server = (await ScriptedServer.start()).answer("auth", token("t1"));
  await mkdir(board.path("share/identity"), { recursive: true });
  await writeFile(board.path("share/identity/mender-device-identity"), "#!/bin/sh\necho mac=00:11\n", { mode: 0o755 });
  await board.configure({ ServerURL: `${server.url}/` });
});
afterEach(async () => {
  await Promise.all([server.close(), board.remove()]);
});

const kept = async (): Promise<unknown> => JSON.parse(await readFile(board.path("data/switchback-server"), "utf8"));
const modeOf = async (name: string): Promise<string> =>
  ((await stat(board.path(`data/${name}`))).mode & 0o777).toString(8);

test("'bootstrap' makes a key, gets the device accepted, and keeps key and token unreadable for others", async () => {
  expect(await board.agent("bootstrap")).toMatchObject({ exitCode: 0, out: [], err: [] });
  expect(JSON.parse(server.of("auth")[0]?.body.toString() ?? "")).toMatchObject({ id_data: '{"mac":"00:11"}' });
  expect(await kept()).toEqual({ version: 1, server: server.url, token: "t1" });
  expect([await modeOf("mender-agent.pem"), await modeOf("switchback-server")]).toEqual(["600", "600"]);
});

test("the log contains no key and no token, at any log level", async () => {
  const { log } = await board.agent("bootstrap", "-l", "trace");
  const key = await readFile(board.path("data/mender-agent.pem"), "utf8");
  expect(log.length).toBeGreaterThan(0);
  expect(log.filter((line) => line.includes("t1") || line.includes(key.split("\n")[1] ?? ""))).toEqual([]);
});

test("a device that is not accepted yet reports it and keeps its key", async () => {
  server.answer("auth", refusal(401, "pending"), token("t1"));
  const refused = await board.agent("bootstrap");
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["NOT_AUTHORIZED"]]);
  const key = await readFile(board.path("data/mender-agent.pem"));
  expect((await board.agent("bootstrap")).exitCode).toBe(0);
  expect(await readFile(board.path("data/mender-agent.pem"))).toEqual(key);
});

test("an unreachable server does not count as a refusal", async () => {
  await server.down();
  const { exitCode, err } = await board.agent("bootstrap");
  expect([exitCode, err]).toEqual([
    1,
    [expect.stringMatching(/ SERVER_UNREACHABLE: .*: TRANSPORT_FAILED: .*ECONNREFUSED/)],
  ]);
});

test("'bootstrap --forcebootstrap' replaces the key and authorises the device with the new one", async () => {
  await board.agent("bootstrap");
  server.answer("auth", refusal(401));
  expect((await board.agent("bootstrap", "-F")).exitCode).toBe(1);
  const [first, second] = server.of("auth").map(({ body }) => JSON.parse(body.toString()).pubkey);
  expect(second).not.toBe(first);
  await expect(kept()).rejects.toThrow("ENOENT");
});

test("without a server, bootstrap only makes the key", async () => {
  await board.configure({ ServerURL: "" });
  expect((await board.agent("bootstrap")).exitCode).toBe(0);
  expect([server.conversation, await modeOf("mender-agent.pem")]).toEqual([[], "600"]);
});

test("a server over plain http on another machine is refused before any request", async () => {
  await board.configure({ ServerURL: "http://192.0.2.1" });
  expect(codesOf(await board.agent("bootstrap"))).toEqual(["SERVER_PLAIN_HTTP"]);
});

test("without an identity script, bootstrap sends no request", async () => {
  await writeFile(board.path("share/identity/mender-device-identity"), "#!/bin/sh\nexit 1\n");
  expect(codesOf(await board.agent("bootstrap"))).toEqual(["IDENTITY_FAILED"]);
  expect(server.conversation).toEqual([]);
});

test("bootstrap also exists under the names of the reference clients' programs", async () => {
  server.answer("auth", empty(500));
  const failed = await cli("mender-auth", [...board.options, "bootstrap"]);
  expect(codesOf(failed)).toEqual(["AUTHORIZATION_FAILED"]);
  expect((await cli("mender-update", ["bootstrap"])).exitCode).toBe(1);
});
