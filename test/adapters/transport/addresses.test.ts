import type { IncomingMessage } from "node:http";
import { afterEach, expect, test } from "vitest";
import { proxyFor, readProxies } from "../../../adapters/transport/proxy.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
afterEach(() => servers.close());

const get = async (url: string, headers: Record<string, string> = {}) =>
  client({ tls: { skipVerify: true } }).send({ method: "GET", url, headers, followRedirects: true }, never);

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;
const authorization = (request: IncomingMessage): string => String(request.headers.authorization);

for (const [credentials, headers, sent] of [
  ["", {}, "undefined"],
  ["user:pass@", {}, basic("user:pass")],
  ["us%3Aer:p%40ss@", {}, basic("us:er:p@ss")],
  ["user:100%@", {}, basic("user:100%")],
  ["user@", {}, basic("user:")],
  ["user:pass@", { Authorization: "Bearer token" }, "Bearer token"],
] as const) {
  test(`an address with "${credentials}" and ${Object.keys(headers).length} headers is asked with ${sent}`, async () => {
    const base = await servers.http((request, response) => void response.end(authorization(request)));
    expect(await text(await get(base.replace("//", `//${credentials}`), headers))).toBe(sent);
  });

  if (!("Authorization" in headers))
    test(`a redirect to an address with "${credentials}" is followed with ${sent}`, async () => {
      const other = await servers.http((request, response) => void response.end(authorization(request)));
      const location = other.replace("//", `//${credentials}`);
      const base = await servers.http((_, response) => response.writeHead(302, { Location: location }).end());
      expect(await text(await get(base, { Authorization: "Bearer of the first" }))).toBe(sent);
    });
}

for (const [location, target] of [
  [Buffer.from("/b\u00fccher?q=\u20ac").toString("latin1"), "/b%C3%BCcher?q=%E2%82%AC"],
  ["/b\u00fccher", "/b%C3%BCcher"],
  ["/b%C3%BCcher", "/b%C3%BCcher"],
  ["?only=query", "/start?only=query"],
  ["/end#fragment", "/end"],
] as const) {
  test(`a redirect to ${JSON.stringify(location)} asks for ${target}`, async () => {
    const seen: unknown[] = [];
    const base = await servers.http((request, response) => {
      seen.push(request.url);
      if (seen.length > 1) response.end();
      else response.socket?.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`, "latin1");
    });
    await get(`${base}/start`);
    expect(seen).toEqual(["/start", target]);
  });
}

test("a redirect from https to http is not followed", async () => {
  const asked: unknown[] = [];
  const plain = await servers.http((request, response) => {
    asked.push(request.url);
    response.end("plain");
  });
  const secure = await servers.https(selfSigned(), (_, response) => {
    response.writeHead(302, { Location: `${plain}/image?signature=secret` }).end();
  });
  await expect(get(secure)).rejects.toMatchObject({ code: "TRANSPORT_ADDRESS", detail: { refused: `${plain}/image` } });
  expect(asked).toEqual([]);
});

for (const [value, proxy] of [
  ["proxy:3128", "http://proxy:3128/"],
  ["10.0.0.1:3128", "http://10.0.0.1:3128/"],
  ["proxy", "http://proxy/"],
  ["user:p%40ss@proxy:3128", "http://user:p%40ss@proxy:3128/"],
  ["[fd00::1]:3128", "http://[fd00::1]:3128/"],
  ["HTTP://proxy:3128", "http://proxy:3128/"],
] as const) {
  test(`http_proxy=${value} means ${proxy}`, () => {
    expect(proxyFor(new URL("http://server.test/"), readProxies({ http_proxy: value }))?.href).toBe(proxy);
  });
}
