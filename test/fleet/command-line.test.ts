import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import { RecordingIo } from "../support/recording-io.ts";

let home: string;
let server: Server;
let url: string;
/** What the server answers next. */
let answer: { status: number; body: string };
let authorization: string | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "switchback-fleet-"));
  answer = { status: 200, body: "[]" };
  return () => rmSync(home, { recursive: true, force: true });
});

async function run(words: string, env: Record<string, string> = {}) {
  const io = new RecordingIo(false, { HOME: home, ...env });
  await runCommandLine(words.split(" "), io);
  return { exit: io.exitCode, out: io.outLines, err: io.errLines };
}

test("without a server, a command says where to give one", async () => {
  const { exit, err } = await run("devices list", { SWITCHBACK_TOKEN: "token" });
  expect([exit, err.join("\n")]).toEqual([1, expect.stringContaining("FLEET_NO_SERVER: No server is given.")]);
});

test("without a token, a command says so before it asks the server", async () => {
  const { exit, err } = await run(`devices list --server ${url}`);
  expect([exit, err.join("\n")]).toEqual([1, expect.stringContaining("FLEET_NOT_LOGGED_IN")]);
});

test("a server that cannot be reached is named", async () => {
  const { err } = await run("devices list --server http://127.0.0.1:1 --token-value t");
  expect(err.join("\n")).toMatch(/FLEET_UNREACHABLE: .*server=http:\/\/127\.0\.0\.1:1.*ECONNREFUSED/);
});

test("what the server refuses is told with its code and its reason, in one line", async () => {
  answer = { status: 422, body: '{"error":"No such\\nrelease.","code":"NOT_POSSIBLE","request_id":"1"}' };
  const { exit, err } = await run(`deployments create --name n --release r --all --server ${url} --token-value t`);
  expect([exit, err]).toEqual([
    1,
    [
      "FLEET_REFUSED: The server refused the request. (request=POST /api/management/v1/deployments/deployments, status=422, reason=No such\\x0arelease., code=NOT_POSSIBLE)",
    ],
  ]);
});

test("a token that is not valid is told as such, whatever a proxy answers", async () => {
  answer = { status: 401, body: "<html>no</html>" };
  const { err } = await run(`devices list --server ${url} --token-value t`);
  expect(err.join("\n")).toContain("FLEET_NOT_LOGGED_IN");
});

test("a login is kept for the user alone, and later commands use it", async () => {
  answer = { status: 200, body: "the-token" };
  writeFileSync(join(home, "password"), "secret\nnot this\n");
  const login = await run(`login --server ${url} --username ada@example.com --password-file ${home}/password`);
  expect([login.exit, login.err]).toEqual([0, [`Logged in to ${url}.`]]);
  const file = join(home, ".cache/mender/authtoken");
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["the-token", 0o600]);
  answer = { status: 200, body: "[]" };
  const list = await run("devices list");
  expect([list.exit, authorization]).toEqual([0, "Bearer the-token"]);
});

test("a login that fails keeps the one before it", async () => {
  mkdirSync(join(home, ".cache/mender"), { recursive: true });
  writeFileSync(join(home, ".cache/mender/authtoken"), "old");
  answer = { status: 401, body: '{"error":"wrong"}' };
  const { exit } = await run(`login --server ${url} --username a@example.com --password wrong`);
  expect([exit, readFileSync(join(home, ".cache/mender/authtoken"), "utf8")]).toEqual([1, "old"]);
});

test("a folder that cannot be written is named", async () => {
  answer = { status: 200, body: "the-token" };
  writeFileSync(join(home, "file"), "");
  const { err } = await run(`login --server ${url} --username a@example.com --password p`, {
    XDG_CACHE_HOME: join(home, "file"),
  });
  expect(err.join("\n")).toMatch(/FLEET_FILE: .*path=.*file\/mender\/authtoken/);
});

test("an authority that cannot be read is named, and nothing is sent without it", async () => {
  const { err } = await run(`devices list --server ${url} --token-value t --ca ${home}/none.pem`);
  expect(err.join("\n")).toMatch(/OPTION_INVALID: .*option=--ca/);
});

test("a deployment needs exactly one target", async () => {
  for (const target of ["", " --all --group beta"]) {
    const { exit, err } = await run(`deployments create --name n --release r --server ${url} --token-value t${target}`);
    expect([exit, err.join("\n")]).toEqual([1, expect.stringContaining("exactly one of them")]);
  }
});

test("every command that does something has an example in its help", async () => {
  const { commandLine } = await import("../../fleet/cli/command-line.ts");
  const { helpParts, leavesOf, pathOf } = await import("../../scripts/lib/command-tree.ts");
  const without = leavesOf(commandLine(new RecordingIo())).filter(
    (command) => helpParts(command).examples.length === 0,
  );
  expect(without.map(pathOf)).toEqual([]);
});
