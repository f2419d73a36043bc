import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { TlsFiles } from "../../../adapters/transport/tls-client.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
const server = selfSigned();
const device = selfSigned({ address: "device" });
let folder = "";
const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-tls-"));
  for (const [name, content] of [
    ["server.pem", server.cert],
    ["other.pem", selfSigned({ address: "other" }).cert],
    ["garbage.pem", "not a certificate"],
    ["device.pem", device.cert],
    ["device.key", device.key],
    ["other.key", selfSigned().key],
  ] as const)
    await writeFile(file(name), content);
});
afterEach(() => servers.close());
afterAll(() => rm(folder, { recursive: true }));

async function ask(
  url: string,
  tls: Partial<TlsFiles>,
  log?: (level: string, message: string) => void,
): Promise<string> {
  return text(await client({ tls, ...(log && { log }) }).send({ method: "GET", url }, never));
}

test("the certificate of the configuration is trusted besides the system's store, and each without the other", async () => {
  const url = await servers.https(server, (_, response) => void response.end("hello"));
  const warnings: string[] = [];
  const log = (level: string, message: string): void => void warnings.push(`${level}: ${message}`);
  for (const tls of [
    { serverCertificate: file("server.pem"), systemStores: [file("other.pem")] },
    { serverCertificate: file("other.pem"), systemStores: [file("missing.pem"), file("server.pem")] },
    { systemStores: [file("server.pem")] },
  ])
    expect(await ask(url, tls, log)).toBe("hello");
  expect(warnings).toEqual([]);
  await expect(ask(url, { systemStores: [file("other.pem")] })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
});

for (const bad of ["missing.pem", "garbage.pem"]) {
  test(`a ServerCertificate that is ${bad} causes a warning, and the system's store still applies`, async () => {
    const url = await servers.https(server, (_, response) => void response.end("hello"));
    const logged: string[] = [];
    const log = (level: string, message: string): void => void logged.push(`${level}: ${message}`);
    const tls = { serverCertificate: file(bad), systemStores: [file("server.pem")] };
    expect(await ask(url, tls, log)).toBe("hello");
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(`warning: ServerCertificate ${file(bad)} is ignored`);
    await expect(ask(url, { serverCertificate: file(bad) })).rejects.toMatchObject({ code: "TLS_NO_TRUST" });
  });
}

test("a server's certificate must be for the host that was asked, and of today", async () => {
  for (const cert of [selfSigned({ address: "example.com" }), selfSigned({ lastYear: 2021 })]) {
    await writeFile(file("odd.pem"), cert.cert);
    const url = await servers.https(cert, (_, response) => void response.end("hello"));
    await expect(ask(url, { serverCertificate: file("odd.pem") })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    const logged: string[] = [];
    expect(await ask(url, { skipVerify: true }, (level, message) => void logged.push(`${level}: ${message}`))).toBe(
      "hello",
    );
    expect(logged).toEqual([
      "warning: TLS IS NOT VERIFIED (SkipVerify): anyone on the network can pose as the server.",
    ]);
  }
});

test("the name of the host is sent and checked", async () => {
  const named = selfSigned({ address: "localhost" });
  await writeFile(file("named.pem"), named.cert);
  const url = await servers.https(named, (request, response) => {
    response.end(String((request.socket as TLSSocket & { servername?: string }).servername));
  });
  const byName = url.replace("127.0.0.1", "localhost");
  expect(await ask(byName, { serverCertificate: file("named.pem") })).toBe("localhost");
  await expect(ask(url, { serverCertificate: file("named.pem") })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
});

test("a server with nothing newer than TLS 1.1 is refused", async () => {
  const old = { ...server, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
  const url = await servers.https(old, (_, response) => void response.end("hello"));
  await expect(ask(url, { skipVerify: true })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
  const newer = { ...server, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
  const url12 = await servers.https(newer, (_, response) => void response.end("hello"));
  expect(await ask(url12, { skipVerify: true })).toBe("hello");
});

test("a device shows its own certificate to a server that asks for it", async () => {
  const mutual = { ...server, requestCert: true, ca: device.cert };
  const url = await servers.https(mutual, (request, response) => {
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    response.end(String(peer.subject.CN));
  });
  const trust = { serverCertificate: file("server.pem") };
  const own = { certificate: file("device.pem"), key: file("device.key") };
  expect(await ask(url, { ...trust, client: own })).toBe("device");
  await expect(ask(url, trust)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
});

for (const key of ["missing.key", "garbage.pem", "other.key"]) {
  test(`a private key that is ${key} is an error of the configuration, which does not show it`, async () => {
    const own = { certificate: file("device.pem"), key: file(key) };
    const failure = ask("https://127.0.0.1:1/", { serverCertificate: file("server.pem"), client: own });
    await expect(failure).rejects.toMatchObject({ code: "CONFIG_INVALID", detail: { key: file(key) } });
  });
}

test("a large body comes through TLS unharmed, and back-pressure holds", async () => {
  const big = Buffer.alloc(8 * 1024 * 1024, "0123456789");
  const url = await servers.https(server, (_, response) => void response.end(big));
  const { body } = await client({ tls: { skipVerify: true } }).send({ method: "GET", url }, never);
  const parts: Buffer[] = [];
  for await (const chunk of body) {
    parts.push(Buffer.from(chunk));
    if (parts.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(Buffer.concat(parts).equals(big)).toBe(true);
});
