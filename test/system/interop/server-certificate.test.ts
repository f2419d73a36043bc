import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { client, never, text } from "../../adapters/transport/transport-rig.ts";
import { needs } from "../../support/needs.ts";

// Debian's client keeps its files where only root may write.
const { test } = needs("root");

let dir: string;
const file = (name: string): string => join(dir, name);
const openssl = (...args: readonly string[]): void => void execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const NAME = "subjectAltName=DNS:localhost";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-certificate-"));
  mkdirSync(file("data"));
  openssl("req", "-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "30");
  openssl("req", ...KEY, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost");
  writeFileSync(file("extensions"), `${NAME}\nbasicConstraints=CA:FALSE\n`);
  const ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  openssl("x509", "-req", "-in", "leaf.csr", ...ca, "-out", "leaf.pem", "-days", "30", "-extfile", "extensions");
  const own = ["-subj", "/CN=localhost", "-days", "30", "-addext", NAME];
  openssl("req", "-x509", ...KEY, "-keyout", "self.key", "-out", "self.pem", ...own);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Whether the client sends a request when it is configured to trust `trusted`. */
async function asks(served: string, ask: (url: string) => Promise<unknown>): Promise<boolean> {
  const asked: unknown[] = [];
  const keys = { key: readFileSync(file(`${served}.key`)), cert: readFileSync(file(`${served}.pem`)) };
  const server: Server = createServer(keys, (request, response) => {
    asked.push(request.url);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await ask(`https://localhost:${(server.address() as AddressInfo).port}/release.mender`);
  } catch {
    // ignored: the requests that the server received are the result.
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  return asked.length > 0;
}

for (const [what, served, trusted, isTrusted] of [
  ["its authority's certificate", "leaf", "ca", true],
  ["its own, which another has signed", "leaf", "leaf", false],
  ["its own, which it has signed itself", "self", "self", true],
] as const) {
  test(`a server is ${isTrusted ? "" : "not "}trusted by ${what}, by mender 3.4 and by us`, async () => {
    const pem = file(`${trusted}.pem`);
    const real = await asks(served, async (url) => {
      const child = spawn("mender", ["-d", file("data"), "--trusted-certs", pem, "install", url], { stdio: "ignore" });
      await once(child, "close");
    });
    const ours = await asks(served, async (url) => {
      await text(await client({ tls: { serverCertificate: pem } }).send({ method: "GET", url }, never));
    });
    expect([real, ours]).toEqual([isTrusted, isTrusted]);
  });
}
