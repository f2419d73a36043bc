import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { proxyFor, readProxies } from "../../../adapters/transport/proxy.ts";
import { type ConnectProxy, type ConnectProxyOptions, startProxy } from "../../support/connect-proxy.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
const proxies: ConnectProxy[] = [];
const secure = selfSigned();

afterEach(async () => {
  await servers.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

async function proxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const started = await startProxy(options);
  proxies.push(started);
  return started;
}

const ask = async (url: string, env: Readonly<Record<string, string>>, tls = {}): Promise<string> =>
  text(await client({ env, tls: { skipVerify: true, ...tls } }).send({ method: "GET", url }, never));

test("an http target is asked for by its whole address, an https one through a tunnel", async () => {
  const { port, passed } = await proxy();
  const env = { http_proxy: `http://127.0.0.1:${port}`, https_proxy: `http://127.0.0.1:${port}/` };
  const plain = await servers.http((request, response) => void response.end(`${request.url} ${request.headers.host}`));
  expect(await ask(`${plain}/a?b=c`, env)).toBe(`/a?b=c ${plain.slice(7)}`);
  const tls = await servers.https(secure, (request, response) => void response.end(`secure ${request.url}`));
  expect(await ask(`${tls}/d`, env)).toBe("secure /d");
  expect(passed).toEqual([`GET ${plain}/a?b=c`, `CONNECT ${tls.slice(8)}`]);
});

test("the certificate within a tunnel is checked as ever", async () => {
  const { port } = await proxy();
  const tls = await servers.https(secure, (_, response) => void response.end("secure"));
  const folder = await mkdtemp(join(tmpdir(), "switchback-proxy-"));
  try {
    const [right, wrong] = [join(folder, "right.pem"), join(folder, "wrong.pem")];
    await writeFile(right, secure.cert);
    await writeFile(wrong, selfSigned().cert);
    const env = { https_proxy: `http://127.0.0.1:${port}` };
    expect(await ask(tls, env, { skipVerify: false, serverCertificate: right })).toBe("secure");
    await expect(ask(tls, env, { skipVerify: false, serverCertificate: wrong })).rejects.toMatchObject({
      code: "TRANSPORT_FAILED",
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a proxy that is reached over TLS itself carries both", async () => {
  const { port, passed } = await proxy({ tls: secure });
  const env = { http_proxy: `https://127.0.0.1:${port}`, https_proxy: `https://127.0.0.1:${port}` };
  const plain = await servers.http((_, response) => void response.end("plain"));
  const tls = await servers.https(secure, (_, response) => void response.end("secure"));
  expect([await ask(`${plain}/`, env), await ask(tls, env)]).toEqual(["plain", "secure"]);
  expect(passed).toEqual([`GET ${plain}/`, `CONNECT ${tls.slice(8)}`]);
});

test("name and password are decoded, sent to the proxy alone, and in no message", async () => {
  const { port } = await proxy({ credentials: "us:er:p@ss" });
  const seen: (string | undefined)[] = [];
  const listener = (request: { headers: Record<string, unknown> }, response: { end(text: string): unknown }): void => {
    seen.push(request.headers["proxy-authorization"] as string | undefined);
    response.end("passed");
  };
  const plain = await servers.http(listener);
  const tls = await servers.https(secure, listener);
  const right = `http://us%3Aer:p%40ss@127.0.0.1:${port}`;
  const wrong = `http://user:secret@127.0.0.1:${port}`;
  for (const url of [plain, tls]) expect(await ask(url, { http_proxy: right, https_proxy: right })).toBe("passed");
  expect(seen).toEqual([undefined, undefined]);
  expect((await client({ env: { http_proxy: wrong } }).send({ method: "GET", url: plain }, never)).status).toBe(407);
  const refused = ask(tls, { https_proxy: wrong });
  await expect(refused).rejects.toMatchObject({
    code: "TRANSPORT_PROXY",
    detail: { proxy: `http://127.0.0.1:${port}/`, status: 407 },
  });
});

test("a proxy that is not there is a failed transfer", async () => {
  await expect(ask("https://127.0.0.1:1/", { https_proxy: "http://127.0.0.1:1" })).rejects.toMatchObject({
    code: "TRANSPORT_FAILED",
  });
});

const PROXY = "http://proxy:3128/";
/** no_proxy, target, whether the proxy is left out. */
const NO_PROXY: readonly (readonly [noProxy: string, target: string, direct: boolean])[] = [
  ["", "http://example.com/", false],
  ["example.com", "http://example.com/", true],
  ["example.com", "http://EXAMPLE.com/", true],
  ["example.com", "http://www.example.com/", false],
  [".example.com", "http://www.example.com/", true],
  [".example.com", "http://badexample.com/", false],
  ["a.org b.org", "https://b.org/", true],
  ["a.org,b.org", "https://b.org/", true],
  ["a.org, b.org", "https://b.org/", true],
  ["b.org:8443", "https://b.org:8443/", true],
  ["b.org:443", "https://b.org/", true],
  ["b.org:8443", "https://b.org/", false],
  ["::1", "http://[::1]:80/", true],
  ["*", "http://example.com/", true],
];

for (const [noProxy, target, direct] of NO_PROXY) {
  test(`no_proxy "${noProxy}" ${direct ? "lets" : "does not let"} ${target} go direct`, () => {
    const settings = readProxies({ http_proxy: PROXY, https_proxy: PROXY, NO_PROXY: noProxy });
    expect(proxyFor(new URL(target), settings)?.href).toBe(direct ? undefined : PROXY);
  });
}

test("either case of a variable is taken, and both where they agree", () => {
  for (const env of [{ http_proxy: PROXY }, { HTTP_PROXY: PROXY }, { http_proxy: PROXY, HTTP_PROXY: PROXY }])
    expect(readProxies(env).http?.href).toBe(PROXY);
  expect(readProxies({ https_proxy: "", HTTPS_PROXY: PROXY }).https?.href).toBe(PROXY);
});

for (const [title, env] of [
  ["both cases differ", { http_proxy: PROXY, HTTP_PROXY: "http://other/" }],
  ["both cases of no_proxy differ", { no_proxy: "a", NO_PROXY: "b" }],
  ["a proxy of another kind", { https_proxy: "socks5://proxy:1080" }],
  ["a path", { http_proxy: "http://proxy:3128/path" }],
  ["a password that is not encoded", { http_proxy: "http://user:100%@proxy/" }],
  ["HTTP_PROXY of a CGI request", { HTTP_PROXY: PROXY, REQUEST_METHOD: "GET" }],
] as const) {
  test(`${title}: an error of the configuration`, () => {
    expect(() => readProxies(env)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
}
