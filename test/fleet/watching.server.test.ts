import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as ask, createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";
import { startReceiver } from "../support/server/webhook-receiver.ts";

const USERS = "/api/management/v1/useradm/users";
let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  folder = mkdtempSync(join(tmpdir(), "switchback-watching-"));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(words: readonly string[], url = server.url) {
  const io = new RecordingIo(false, { HOME: folder, SWITCHBACK_SERVER: url, SWITCHBACK_TOKEN: server.token });
  await runCommandLine(words, io);
  return { exit: io.exitCode, out: io.outLines, err: io.errLines };
}

const numbersOf = (lines: readonly string[]): number[] =>
  lines.map((line) => (JSON.parse(line) as { number: number }).number);

/** Numbers of all events of devices but the first, when none waits for its number. */
async function deviceEvents(): Promise<number[]> {
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  const rows = await query<{ id: number }>(server, "SELECT id FROM events WHERE type LIKE 'device-%' ORDER BY id");
  return rows.slice(1).map(({ id }) => id);
}

test("a watch with a state file goes on where the last one ended, and leaves no event out", async () => {
  for (let n = 0; n < 3; n += 1) await makeDevice(server);
  const all = await deviceEvents();
  expect(all.length).toBeGreaterThan(2);
  const state = join(folder, "last");
  const words = ["events", "watch", "--topics", "device", "--json", "--state", state];
  const first = await run([...words, "--after", String((all[0] ?? 1) - 1), "--count", "2"]);
  expect(first.exit).toBe(0);
  expect(numbersOf(first.out)).toEqual(all.slice(0, 2));
  expect(readFileSync(state, "utf8")).toBe(`${all[1]}\n`);
  const second = await run([...words, "--count", String(all.length - 2)]);
  expect(numbersOf(second.out)).toEqual(all.slice(2));
  const people = await run([
    "events",
    "watch",
    "--after",
    String((all[0] ?? 1) - 1),
    "--topics",
    "device",
    "--count",
    "1",
  ]);
  expect(people.out).toEqual([expect.stringMatching(/^\d{4}-\S+ {2}device-\S+ {2}id=/)]);
  writeFileSync(state, "no number");
  expect(await run([...words, "--count", "1"])).toMatchObject({ exit: 1, err: [expect.stringContaining("--state")] });
});

/** Passes requests on, and breaks each stream after so many bytes. */
async function breakingProxy(bytes: number): Promise<Server> {
  const proxy = createServer((request, response) => {
    const onward = ask(`${server.url}${request.url}`, { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      let left = bytes;
      answer.on("data", (chunk: Buffer) => {
        response.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left > 0) return;
        onward.destroy();
        // The client gets what was written, and then the break.
        setTimeout(() => response.destroy(), 20);
      });
    });
    onward.on("error", () => {}); // ignored: it was ended here.
    onward.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}

test("a stream that breaks goes on by itself, and leaves no event out", async () => {
  const all = await deviceEvents();
  const proxy = await breakingProxy(900);
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const after = String((all[0] ?? 1) - 1);
  const words = ["events", "watch", "--topics", "device", "--json", "--after", after, "--count", String(all.length)];
  const { exit, out, err } = await run(words, url);
  expect(exit).toBe(0);
  expect(numbersOf(out)).toEqual(all);
  expect(err.length).toBeGreaterThan(0);
  for (const line of err) expect(line).toMatch(/^The stream broke\. It goes on after event \d+\.$/);
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

test("a topic that does not exist is refused, and is not tried again", async () => {
  const { exit, err } = await run(["events", "watch", "--topics", "weather"]);
  expect([exit, err]).toEqual([1, [expect.stringContaining("status=400")]]);
});

test("the audit log is listed by who and what, and exported whole", async () => {
  for (const name of ["a", "b"])
    await server.request("POST", USERS, { email: `${name}@example.com`, password: "a long enough one" });
  const listed = await run(["audit", "list", "--actor", "admin@example.com", "--type", "user", "--json"]);
  const rows = JSON.parse(listed.out[0] ?? "") as { seq: number; object: { email: string } }[];
  expect(rows.map(({ object }) => object.email)).toEqual(["b@example.com", "a@example.com"]);
  expect((await run(["audit", "list", "--since", "2999-01-01"])).err).toEqual(["There is none."]);
  expect((await run(["audit", "list", "--since", "soon"])).exit).not.toBe(0);
  const file = join(folder, "audit.ndjson");
  await run(["audit", "export", "--format", "ndjson", "--output", file]);
  const printed = await run(["audit", "export", "--format", "ndjson"]);
  expect(readFileSync(file, "utf8")).toBe(`${printed.out.join("\n")}\n`);
  expect(printed.out.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2]);
  const { out } = await run(["audit", "export", "--type", "user"]);
  expect(out.slice(0, 2)).toEqual([
    expect.stringMatching(/^"seq","time","actor"/),
    expect.stringMatching(/^"1",.*a@example/),
  ]);
});

test("a broken audit log ends the check with status 1 and the number of the record", async () => {
  const whole = await run(["audit", "verify"]);
  expect([whole.exit, whole.out]).toEqual([
    0,
    ["All 2 records are as they were written.", expect.stringMatching(/^switchback-audit:/)],
  ]);
  await query(server, "ALTER TABLE audit DISABLE TRIGGER USER");
  await query(server, "GRANT UPDATE ON audit TO CURRENT_USER");
  await query(server, "UPDATE audit SET change = 'x' WHERE seq = 2");
  await query(server, "ALTER TABLE audit ENABLE TRIGGER USER");
  expect(await run(["audit", "verify", "--anchor", whole.out[1] ?? ""])).toMatchObject({
    ...{ exit: 1, out: ["Record 2: it was changed after it was written."] },
  });
  const json = await run(["audit", "verify", "--json"]);
  expect(JSON.parse(json.out[0] ?? "")).toMatchObject({ valid: false, broken_at: 2, breach: "CHANGED" });
});

test("a webhook is added with its secret, tested, and shows what it could not deliver", async () => {
  const receiver = await startReceiver();
  writeFileSync(join(folder, "key"), "0a0b\n");
  const [id = ""] = (await run(["webhooks", "add", receiver.url, "--secret-file", join(folder, "key")])).out;
  expect((await run(["webhooks", "test", id])).out).toEqual([expect.stringMatching(/^It arrived: status 204/)]);
  expect(receiver.received[0]?.headers["x-men-signature"]).toMatch(/^[0-9a-f]{64}$/);
  receiver.answer = (response) => void response.writeHead(500).end();
  const failed = await run(["webhooks", "test", id]);
  expect([failed.exit, failed.out]).toEqual([1, [expect.stringMatching(/^It did not arrive: /)]]);
  await makeDevice(server);
  await expect
    .poll(async () => (await run(["webhooks", "deliveries", id, "--state", "waiting"])).out.length)
    .toBeGreaterThan(1);
  expect((await run(["webhooks", "list"])).out.join("\n")).toContain(receiver.url);
  expect((await run(["webhooks", "remove", id])).exit).toBe(0);
  expect((await run(["webhooks", "list"])).err).toEqual(["There is none."]);
  await receiver.close();
});
