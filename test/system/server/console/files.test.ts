import { request } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleUnderTest } from "../../../support/console/console.ts";

let console: ConsoleUnderTest;
beforeAll(async () => {
  console = await ConsoleUnderTest.start();
});
afterAll(() => console.close());

/** An answer as it came, which `fetch` would unpack. */
function get(path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>((resolve, reject) => {
    const { hostname, port } = new URL(console.server.url);
    // The path as it is: an address would be tidied up first.
    request({ hostname, port, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    })
      .once("error", reject)
      .end();
  });
}

test("each address that is not a program's is the page, with a policy that lets nothing run but the console's own files", async () => {
  for (const path of ["/", "/rollouts/1?x=y", "/index.html", "/set-a-thing", "/api-things"]) {
    const { status, headers, body } = await get(path);
    expect([status, headers["content-type"]], path).toEqual([200, "text/html; charset=utf-8"]);
    expect(body.toString()).toContain('<div id="root">');
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers["cache-control"]).toBe("no-cache");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  }
  // Nothing in the page itself is a script or a style.
  const page = (await get("/")).body.toString();
  expect(page).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|style=/);
});

test("files come compressed as the browser takes them, and those whose names change with their content are kept for good", async () => {
  const page = (await get("/")).body.toString();
  const paths = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
  expect(paths.length).toBeGreaterThanOrEqual(2);
  for (const path of paths) {
    const plain = await get(path);
    expect(plain.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(plain.headers["content-encoding"]).toBeUndefined();
    const zipped = await get(path, { "accept-encoding": "gzip" });
    const smallest = await get(path, { "accept-encoding": "gzip, deflate, br" });
    expect([zipped.headers["content-encoding"], smallest.headers["content-encoding"]]).toEqual(["gzip", "br"]);
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
    expect(brotliDecompressSync(smallest.body).equals(plain.body)).toBe(true);
    expect(smallest.body.length).toBeLessThan(zipped.body.length);
  }
});

test("what is not there is a page or JSON, as its reader understands, and no path leads out of the folder", async () => {
  for (const path of [
    "/api/nothing",
    "/assets/nothing.js",
    "/assets/../server.key",
    "/assets/%2e%2e/%2e%2e/etc/passwd",
    "/api",
  ]) {
    const { status, headers, body } = await get(path);
    expect([status, headers["content-type"]], path).toEqual([404, "application/json; charset=utf-8"]);
    expect(JSON.parse(body.toString())).toMatchObject({ code: "NOT_FOUND" });
  }
  const { body } = await get("/../../etc/passwd");
  expect(body.toString()).not.toContain("root:");
  for (const name of ["manifest.json", "index.html.br", "assets"])
    expect((await get(`/${name}`)).body.toString(), name).toMatch(/<div id="root">|NOT_FOUND/);
});

test("the theme that somebody has chosen is in the page from the start, and nothing else from a cookie is", async () => {
  const themeIn = async (cookie: string) => /<html[^>]*>/.exec((await get("/", { cookie })).body.toString())?.[0];
  expect(await themeIn("a=b; theme=dark")).toBe('<html data-theme="dark" lang="en">');
  expect(await themeIn("theme=light")).toBe('<html data-theme="light" lang="en">');
  for (const cookie of ["", "theme=blue", 'theme=dark"><script>', "mytheme=dark"])
    expect(await themeIn(cookie)).toBe('<html lang="en">');
});
