import { once } from "node:events";
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endOrphans, processesIn, readPostmaster } from "../../../server/adapters/postgres/private/postmaster.ts";
import { runCommandLine } from "../../../server/cli/command-line.ts";
import type { ServerIo } from "../../../server/cli/io.ts";
import { killProcess } from "../../support/kill-process.ts";
import { BuiltServer, type Running } from "../../support/server/built-server.ts";
import { logIn } from "../../support/server/test-server.ts";

let program: BuiltServer;
let folder: string;
let data: string;
let passwordFile: string;
let running: Running;
let local: string;
let secure: string;

beforeAll(async () => {
  program = await BuiltServer.build();
  folder = await mkdtemp(join(tmpdir(), "start-"));
  await chmod(folder, 0o711);
  data = join(folder, "data");
  passwordFile = join(folder, "password");
  await writeFile(passwordFile, "correct horse battery\n");
  await begin("--admin", "admin@example.com", "--admin-password-file", passwordFile);
});
afterAll(async () => {
  running.child.kill("SIGKILL");
  await endOrphans(join(data, "postgres", "data"));
  await rm(folder, { recursive: true, force: true });
});

async function begin(...more: readonly string[]): Promise<void> {
  const where = ["--data", data, "--listen", "127.0.0.1:0", "--local-listen", "127.0.0.1:0"];
  running = program.start("start", ...where, ...more);
  local = await running.said(/This machine only: +(\S+)/);
  secure = await running.said(/Devices and people: (\S+)/);
  await running.said(/(is ready)/);
}

/** Runs a command in this process. */
async function command(...argv: readonly string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const said = { exitCode: 0, out: "", err: "" };
  const io: ServerIo = {
    out: (line) => {
      said.out += `${line}\n`;
    },
    err: (line) => {
      said.err += `${line}\n`;
    },
    environment: {},
    logTo: { write: () => undefined },
    onSignal: () => undefined,
    exit: () => undefined,
    exitCode: 0,
  };
  await runCommandLine(argv, io);
  return { ...said, exitCode: io.exitCode };
}

/** What a board with the certificate of the authority gets. */
async function overTls(path: string, ca: string): Promise<{ status: number | undefined; text: string }> {
  const asked = request(`${secure}${path}`, { ca, agent: new Agent() });
  asked.end();
  const [answer] = await once(asked, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, text: Buffer.concat(chunks).toString() };
}

const statusOf = async (path: string): Promise<number> => (await fetch(`${local}${path}`)).status;

test("both listeners answer, /metrics only the local one, and boards trust the authority's certificate", async () => {
  const ca = (await command("ca", "--data", data)).out;
  expect(await (await fetch(`${local}/ca.crt`)).text()).toBe(ca.replaceAll("\n", "\r\n"));
  expect(await overTls("/healthz", ca)).toEqual({ status: 200, text: '{"status":"ok"}' });
  expect((await overTls("/openapi.json", ca)).status).toBe(200);
  expect((await overTls("/metrics", ca)).status).toBe(404);
  await expect(overTls("/healthz", "")).rejects.toThrow("certificate");
  const metrics = await (await fetch(`${local}/metrics`)).text();
  expect(metrics).toContain('switchback_deployments{state="inprogress"} 0');
  expect(metrics).toContain('switchback_request_seconds_count{method="GET",route="/healthz",status="200"} 1');
  expect(metrics).toMatch(/^switchback_database_up 1$/m);
  expect(metrics).toMatch(/^nodejs_eventloop_lag_seconds /m);
  expect([await statusOf("/healthz"), await statusOf("/readyz"), await statusOf("/openapi.json")]).toEqual([
    200, 200, 200,
  ]);
});

test("the commands of docs/guides/server.md do what the page says", async () => {
  const page = await readFile("docs/guides/server.md", "utf8");
  const lines = page.split("\n").filter((line) => line.startsWith("switchback-server "));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    const words = line.split(" ").slice(1);
    const argv = words.map((word) => word.replace(/^\.\/|^(?=(?:server\.crt|backup\.tar)$)/, `${folder}/`));
    expect([line, await command(...argv)]).toEqual([line, { exitCode: 0, out: expect.any(String), err: "" }]);
  }
  const restored = await command("ca", "--data", join(folder, "other"));
  expect(restored.out.replaceAll("\n", "\r\n")).toBe(await readFile(join(folder, "server.crt"), "utf8"));
  for (const path of page.match(/(?<=`)\/[a-z.]+(?=`)/g) ?? [])
    expect([path, await statusOf(path)]).toEqual([path, 200]);
});

test("commands reach the database of the running server", async () => {
  const where = ["--data", data];
  const admin = ["--admin", "two@example.com", "--admin-password-file", passwordFile];
  expect(await command("tenant", "add", "second", ...admin, ...where)).toMatchObject({ exitCode: 0, err: "" });
  const tenants = JSON.parse((await command("tenant", "list", "--json", ...where)).out);
  expect(tenants).toMatchObject([
    { name: "default" },
    { name: "customer" },
    { name: "second", tenant_token: expect.stringMatching(/^\w{32}$/) },
  ]);
  const observer = ["--role", "RBAC_ROLE_OBSERVER"];
  const added = await command("user", "add", "Three@example.com", "--tenant", "second", ...observer, ...where);
  const password = /shown only now: (\S+)/.exec(added.out)?.[1] ?? "";
  expect((await logIn(local, "three@example.com", password)).split(".")).toHaveLength(3);
  const reset = ["user", "reset-password", "three@example.com", "--password-file", passwordFile];
  expect((await command(...reset, ...where)).exitCode).toBe(0);
  await expect(logIn(local, "three@example.com", password)).rejects.toThrow("401");
  await logIn(local, "three@example.com", "correct horse battery");
  const users = (await command("user", "list", "--tenant", "second", ...where)).out;
  expect(users).toMatch(/three@example\.com {2}RBAC_ROLE_OBSERVER\n.*two@example\.com {2}RBAC_ROLE_PERMIT_ALL\n$/);
  const state = await command("status", "--json", ...where);
  expect([state.exitCode, JSON.parse(state.out)]).toMatchObject([0, { up: true, pid: running.child.pid }]);
  for (const [argv, exitCode, err] of [
    [
      ["user", "add", "four@example.com", "--tenant", "nobody"],
      1,
      /^NOT_FOUND: .*there are: default customer second\)\n$/,
    ],
    [["user", "add", "four@example.com"], 1, /^NOT_FOUND: .*tenant: not given/],
    [["tenant", "add", "second", ...admin], 1, /^CONFLICT: .*tenant: second\)\n$/],
    [["tenant", "add", "third", ...admin], 1, /^NOT_POSSIBLE: .*email address exists\)\n$/],
    [["user", "add", "nobody"], 2, /^OPTION_INVALID: /],
    [["user", "add", "five@example.com", "--password-file", "/nowhere"], 2, /^OPTION_INVALID: .*no such file/],
  ] as const) {
    const refused = await command(...argv, ...where);
    expect([argv, refused.exitCode, refused.out]).toEqual([argv, exitCode, ""]);
    expect(refused.err).toMatch(err);
  }
  expect(JSON.parse((await command("tenant", "list", "--json", ...where)).out)).toHaveLength(3);
});

test("a second start on the same data folder is refused", async () => {
  const second = await command("start", "--data", data, "--listen", "127.0.0.1:0", "--local-listen", "off");
  expect([second.exitCode, second.err]).toEqual([
    1,
    `DATA_FOLDER_BUSY: Another server uses this data folder. (path: ${data}, pid: ${running.child.pid}, command: start)\n`,
  ]);
});

test("while PostgreSQL is away, routes answer 503 with Retry-After, and it comes back by itself", async () => {
  const token = await logIn(local, "admin@example.com", "correct horse battery");
  const cluster = join(data, "postgres", "data");
  // Until it is back, PostgreSQL cannot start again.
  await rename(cluster, `${cluster}.away`);
  const postmaster = (await readPostmaster(`${cluster}.away`))?.pid;
  killProcess(postmaster, "SIGKILL");
  await expect.poll(() => statusOf("/readyz")).toBe(503);
  const away = await fetch(`${local}/api/management/v1/useradm/users`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect([away.status, Number(away.headers.get("retry-after")) > 0]).toEqual([503, true]);
  expect(((await away.json()) as { code: string }).code).toBe("DATABASE_AWAY");
  expect(await statusOf("/healthz")).toBe(200);
  await rename(`${cluster}.away`, cluster);
  await expect.poll(() => statusOf("/readyz")).toBe(200);
  await logIn(local, "admin@example.com", "correct horse battery");
});

/** Sends all but the end of a login, and waits until the server has it. */
async function halfLogin() {
  const { hostname, port } = new URL(local);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  await once(socket, "connect");
  const credentials = Buffer.from("admin@example.com:correct horse battery").toString("base64");
  socket.write(
    `POST /api/management/v1/useradm/auth/login HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${credentials}\r\n` +
      `Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{`,
  );
  await sleep(300);
  return { socket, answer: () => answer };
}

test("SIGTERM answers what was asked, refuses new connections, and ends PostgreSQL", async () => {
  const { socket, answer } = await halfLogin();
  running.child.kill("SIGTERM");
  await expect.poll(() => statusOf("/healthz").catch(() => "refused")).toBe("refused");
  expect(answer()).toBe("");
  socket.write("}");
  await once(socket, "close");
  expect(answer()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer()).toMatch(/\r\nconnection: close\r\n/i);
  expect((await running.ended).exitCode).toBe(0);
  expect(processesIn(join(data, "postgres", "data"))).toEqual([]);
  const state = await command("status", "--data", data);
  expect([state.exitCode, state.out]).toEqual([1, expect.stringContaining("PostgreSQL does not run")]);
});

test("commands start PostgreSQL for their own time if the server does not run", async () => {
  const two = [
    ["tenant", "list"],
    ["user", "list", "--tenant", "second"],
  ].map((argv) => command(...argv, "--data", data));
  const lines = (await Promise.all(two)).map(({ exitCode, out, err }) => [
    exitCode,
    out.trim().split("\n").length,
    err,
  ]);
  expect(lines).toEqual([
    [0, 3, ""],
    [0, 2, ""],
  ]);
  expect(processesIn(join(data, "postgres", "data"))).toEqual([]);
});

test("a killed server starts again with what it had, without TLS if told so, and a second signal ends it at once", async () => {
  await begin();
  running.child.kill("SIGKILL");
  await running.ended;
  await begin("--tls", "off");
  expect((await running.said(/(.*)/s)).includes("Password")).toBe(false);
  expect(secure).toMatch(/^http:/);
  await logIn(secure, "admin@example.com", "correct horse battery");
  expect(await statusOf("/ca.crt")).toBe(404);
  const { socket } = await halfLogin();
  socket.on("error", () => undefined);
  running.child.kill("SIGTERM");
  await expect.poll(() => statusOf("/healthz").catch(() => "refused")).toBe("refused");
  running.child.kill("SIGTERM");
  const { exitCode, err } = await running.ended;
  expect([exitCode, err]).toEqual([1, expect.stringContaining("Warning: devices are served by plain HTTP.")]);
});
