import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RealClientDevice } from "../../support/real-client-device.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { acceptPending, addDeployment, query, stateOf, upload } from "../../support/server/seed.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const GUIDE = readFileSync("docs/guides/server-production.md", "utf8");

/** The only block of the guide in this language. */
function blockOf(language: string): string {
  const found = [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, text = ""]) => text,
  );
  expect(found).toHaveLength(1);
  return found[0] ?? "";
}

interface Places {
  readonly folder: string;
  readonly port: number;
  readonly upstream: string;
}

/** Replaces what the guide could not know. Each of it must be there. */
function adapted(text: string, changes: Readonly<Record<string, string>>): string {
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return text;
}

interface Proxy {
  /** Writes the files. @returns the command that checks them, and the one that runs the proxy in the foreground */
  prepare(places: Places): readonly (readonly string[])[];
}

const PROXIES: Readonly<Record<string, Proxy>> = {
  nginx: {
    prepare({ folder, port, upstream }) {
      const site = adapted(blockOf("nginx"), {
        "127.0.0.1:8443": upstream,
        "listen 443 ssl": `listen 127.0.0.1:${port} ssl`,
        "ota.example.com": "localhost",
        "/etc/ssl/ota.crt": join(folder, "cert.pem"),
        "/etc/ssl/ota.key": join(folder, "key.pem"),
      });
      const own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      writeFileSync(
        join(folder, "nginx.conf"),
        `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;\nevents {}\nhttp { access_log off; ${own.join(" ")}\n${site}}\n`,
      );
      const command = ["nginx", "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")];
      return [[...command, "-t"], command];
    },
  },
  haproxy: {
    prepare({ folder, port, upstream }) {
      const text = adapted(blockOf("haproxy"), {
        "127.0.0.1:8443": upstream,
        "bind :443": `bind 127.0.0.1:${port}`,
        "/etc/haproxy/ota.pem": join(folder, "both.pem"),
      });
      const path = join(folder, "haproxy.cfg");
      writeFileSync(path, text);
      return [
        ["haproxy", "-c", "-f", path],
        ["haproxy", "-db", "-f", path],
      ];
    },
  },
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface Got {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
}

describe.each(Object.entries(PROXIES))("behind %s as the guide configures it", (_name, proxy) => {
  let folder: string;
  let server: TestServer;
  let child: ChildProcess;
  let device: RealClientDevice;
  let url: string;
  let cert: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchback-proxy-"));
    const identity = selfSigned({ address: "localhost" });
    cert = identity.cert;
    writeFileSync(join(folder, "cert.pem"), identity.cert);
    writeFileSync(join(folder, "key.pem"), identity.key, { mode: 0o600 });
    writeFileSync(join(folder, "both.pem"), identity.cert + identity.key, { mode: 0o600 });
    const port = await freePort();
    url = `https://localhost:${port}`;
    server = await startTestServer({ publicUrl: url, trustProxy: ["127.0.0.1"] });
    device = new RealClientDevice({});
    const [check = [], run = []] = proxy.prepare({ folder, port, upstream: new URL(server.url).host });
    const checked = spawnSync(check[0] ?? "", check.slice(1), { encoding: "utf8" });
    expect(checked.status, checked.stderr).toBe(0);
    child = spawn(run[0] ?? "", run.slice(1), { stdio: "ignore" });
    await vi.waitFor(async () => expect((await ask("GET", "/readyz")).status).toBe(200), { timeout: 20_000 });
    const ServerCertificate = device.path("etc/server.crt");
    writeFileSync(ServerCertificate, cert);
    writeFileSync(
      device.path("etc/mender.conf"),
      JSON.stringify({ ServerURL: url, ServerCertificate, UpdatePollIntervalSeconds: 1, RetryPollIntervalSeconds: 1 }),
    );
  });
  afterAll(async () => {
    const ended = child.exitCode === null ? once(child, "exit") : undefined;
    child.kill("SIGTERM");
    await ended;
    device.remove();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function ask(method: string, target: string, headers: Record<string, string> = {}, body?: Buffer): Promise<Got> {
    return new Promise((resolve, reject) => {
      request(new URL(target, url), { method, headers, ca: cert, agent: false }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks), headers: answer.headers }),
        );
      })
        .once("error", reject)
        .end(body);
    });
  }

  test("a device asks to be accepted, downloads an update and reports it", async () => {
    const poll = async (): Promise<number | undefined> => (await device.ours("poll", "--now")).exitCode;
    expect(await poll()).toBe(1);
    await acceptPending(server);
    expect(await poll()).toBe(0);
    await upload(server, device.artifact("release-1"));
    const [row] = await query<{ id: string }>(server, "SELECT id FROM devices");
    const deployment = await addDeployment(server, { release: "release-1", devices: [row?.id ?? ""] });
    await server.server.services.running.look();
    expect(await poll()).toBe(0);
    expect(await stateOf(server, deployment)).toEqual({ state: "finished", success: 1 });
  });

  test("an upload of many megabytes passes, and its bytes are resumed where a download was cut off", async () => {
    writeFileSync(device.path("payload"), randomBytes(24 * 1024 ** 2));
    const file = readFileSync(device.artifact("large"));
    const head = '--b\r\nContent-Disposition: form-data; name="artifact"; filename="large.mender"\r\n\r\n';
    const form = Buffer.concat([Buffer.from(head), file, Buffer.from("\r\n--b--\r\n")]);
    const bearer = { authorization: `Bearer ${server.token}` };
    const type = { "content-type": "multipart/form-data; boundary=b", "content-length": String(form.length) };
    const added = await ask("POST", "/api/management/v1/deployments/artifacts", { ...bearer, ...type }, form);
    expect([added.status, added.body.toString()]).toEqual([201, ""]);
    const { body } = await ask("GET", `${String(added.headers["location"])}/download`, bearer);
    const { uri } = JSON.parse(body.toString()) as { uri: string };
    expect(uri.startsWith(`${url}/`)).toBe(true);
    const whole = await ask("GET", uri);
    expect(whole.body.equals(file)).toBe(true);
    const etag = String(whole.headers["etag"]);
    const rest = await ask("GET", uri, { range: `bytes=${file.length - 1000}-`, "if-range": etag });
    expect([rest.status, rest.headers["content-range"]]).toEqual([
      206,
      `bytes ${file.length - 1000}-${file.length - 1}/${file.length}`,
    ]);
    expect(rest.body.equals(file.subarray(-1000))).toBe(true);
    expect((await ask("GET", uri, { range: "bytes=99999999999-" })).status).toBe(416);
  });

  test("the server hears the address of the client from the proxy, and not from the client", async () => {
    const authorization = `Basic ${Buffer.from("nobody@example.com:guess").toString("base64")}`;
    const login = async (at: number): Promise<number> => {
      const headers = { authorization, "x-forwarded-for": `203.0.113.${at}`, "x-forwarded-host": "evil.example" };
      return (await ask("POST", "/api/management/v1/useradm/auth/login", headers)).status;
    };
    // All at once, so that no wait is over before the last of them. As many failures of one address cost nothing.
    const statuses = await Promise.all(Array.from({ length: 9 }, (_, at) => login(at)));
    expect(statuses.filter((status) => status === 401).length).toBeLessThan(9);
    expect(statuses).toContain(429);
  });
});
