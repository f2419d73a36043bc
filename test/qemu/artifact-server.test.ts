import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArtifactServer } from "../../qemu/server/artifact-server.ts";

const folder = mkdtempSync(join(tmpdir(), "switchback-served-"));
const CONTENT = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
let server: ArtifactServer;
beforeAll(async () => {
  writeFileSync(join(folder, "a"), CONTENT);
  server = await ArtifactServer.start([join(folder, "a")]);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** The host's own address of what a guest reaches at QEMU's gateway. */
const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(server.urlOf(0).replace("10.0.2.2", "127.0.0.1").replace("/0.mender", path), { headers });

test("a file is served whole, and from the byte at which a download resumes", async () => {
  expect(server.urlOf(0)).toMatch(/^http:\/\/10\.0\.2\.2:\d+\/0\.mender$/);
  expect(Buffer.from(await (await get("/0.mender")).arrayBuffer()).equals(CONTENT)).toBe(true);
  const rest = await get("/0.mender", { range: "bytes=150000-" });
  expect([rest.status, rest.headers.get("content-range")]).toEqual([206, "bytes 150000-199999/200000"]);
  expect(Buffer.from(await rest.arrayBuffer()).equals(CONTENT.subarray(150_000))).toBe(true);
  expect((await get("/1.mender")).status).toBe(404);
});

test("a cut breaks off one download, and only that one", async () => {
  server.cutNext(0, 0.5);
  const broken = await get("/0.mender");
  expect(broken.headers.get("content-length")).toBe("200000");
  await expect(broken.arrayBuffer()).rejects.toThrow();
  expect((await (await get("/0.mender")).arrayBuffer()).byteLength).toBe(CONTENT.length);
});
